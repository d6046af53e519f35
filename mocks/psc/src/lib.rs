//! Mock of Pro Santé Connect, the OpenID Provider.
