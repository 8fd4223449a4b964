//! Events to the terminal, the text log and the JSON log.
