//! What the service says: SOAP around it, ebRIM, HL7 V3, MTOM.

pub(crate) mod ebrim;
pub(crate) mod hl7;
pub(crate) mod mtom;
pub(crate) mod soap;
