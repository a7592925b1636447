// Connections that a peer has begun and not completed (SYN-RECEIVED): what is kept of them. When there are too many, SYN
// cookies keep nothing at all.

/// A SYN that was answered.
struct HalfOpen: ConnectionRecord {
    var local = Endpoint.unspecified
    var remote = Endpoint.unspecified
    /// -1: free.
    var listener = -1
    var initialSend = SequenceNumber(0)
    var initialReceive = SequenceNumber(0)
    /// The peer's options, as they will be used.
    var options = TCPOptions()
    /// The peer's, in bytes.
    var window = 0
    var usesECN = false
    /// When the SYN-ACK went out first, and how often.
    var began = Instant.start
    var attempts = 0
    var nextInChain: Int16 = -1

    var isUsed: Bool { listener >= 0 }
}
