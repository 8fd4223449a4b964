//! Disk to `ProjectFiles`: every file of the project and its packages, read once.
