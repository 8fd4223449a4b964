//! What an earlier run left: manifest, results, freshness.
