//! Bytes to structures and facts: HTTP, SOAP, INSi, SAML, JWT.
