//! One call of tform: validated flags, variables, paths.
