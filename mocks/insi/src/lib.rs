//! Mock of INSi, the identity teleservice.
