//! Warehouses: what tform asks of one, and what each of them can do.
