//! rkeepalived
