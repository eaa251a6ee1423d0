//! Kafka's protocol as bytes, without I/O: requests, responses and records, from bytes and to bytes. Used by the client,
//! by the fake cluster and by the fuzz targets, on whatever thread calls it.
