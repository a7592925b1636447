// The states of a connection (RFC 9293, 3.3.2), what is answered to a segment, and the times that the RFCs leave open.

/// By the RFC's names and in its order; `timeWait` is a record of its own (TimeWait.swift).
public enum TCPState: UInt8, Sendable {
    case closed, listen, synSent, synReceived, established, finWait1, finWait2, closeWait, closing, lastAck, timeWait

    /// Both sides know each other's sequence numbers.
    var isSynchronized: Bool { rawValue >= TCPState.established.rawValue }
    /// The peer has not said yet that it sends no more.
    var mayReceive: Bool { self == .established || self == .finWait1 || self == .finWait2 }
    /// The program may still send.
    var maySend: Bool { self == .established || self == .closeWait }
}

/// What a segment is answered with at once.
enum TCPReply: Equatable {
    case none
    /// The segment is to be dropped; an ACK tells the peer where this side stands.
    case acknowledgment
    /// The same, but no more than a few a second (RFC 5961, 7).
    case challenge
    /// RST with this sequence number (RFC 9293, 3.10.7.1: the segment had an ACK).
    case reset(SequenceNumber)
    /// RST and ACK: the segment had no ACK.
    case resetAcknowledging(SequenceNumber)
}

enum TCPTime {
    /// RFC 6298, 2.1: before there is a measurement.
    static var firstTimeout: Duration { .seconds(1) }
    /// RFC 6298, 5.7: after a SYN was sent again, for the data.
    static var cautiousTimeout: Duration { .seconds(3) }
    /// Linux's: RFC 6298, 2.4 asks for a second, which costs more than it saves since delayed ACKs are short.
    static var leastTimeout: Duration { .milliseconds(200) }
    static var greatestTimeout: Duration { .seconds(120) }
    /// RFC 9293, 3.8.6.3 allows half a second.
    static var delayedAck: Duration { .milliseconds(40) }
    /// The soonest tail loss probe: hosts are late by milliseconds, whatever the round trip was.
    static var leastProbe: Duration { .milliseconds(10) }
    /// RFC 8985, 7.2: what a peer may delay an ACK by.
    static var worstDelayedAck: Duration { .milliseconds(200) }
    /// Twice the time that a segment may live: TIME-WAIT (RFC 9293, 3.4.2 has four minutes; Linux one, as here).
    static var timeWait: Duration { .seconds(60) }
    /// So long a connection that its program has closed waits for the peer's FIN.
    static var finWait2: Duration { .seconds(60) }
    /// Between answers to bare segments outside the window, so that two ends that disagree do not answer one another for
    /// ever (as Linux has it: tcp_invalid_ratelimit).
    static var bareAnswerInterval: Duration { .milliseconds(500) }
    /// RFC 9293, 3.8.4: idle before the first probe; between probes.
    static var keepAliveIdle: Duration { .seconds(7200) }
    static var keepAliveInterval: Duration { .seconds(75) }
    /// RFC 7323, 5.5: a timestamp older than this says nothing any more.
    static var timestampLife: Duration { .seconds(24 * 24 * 3600) }
}

public enum TCPLimit {
    /// Retransmissions before a connection is given up: more than the 100 seconds of RFC 9293, 3.8.3 (R2).
    static var retransmissions: Int { 15 }
    static var synRetransmissions: Int { 6 }
    static var synAckRetransmissions: Int { 5 }
    /// Of a connection without a program.
    static var orphanRetransmissions: Int { 8 }
    static var keepAliveProbes: Int { 9 }
    /// What a peer takes that says nothing (RFC 9293, 3.7.1).
    static var defaultSegment: Int { 536 }
    /// A smaller size from the wire is not believed.
    static var leastSegment: Int { 88 }
    /// What fits in one packet behind all headers.
    static var greatestSegment: Int { Packet.capacity - segmentHeadroom }
    /// Room that is left in front of a payload, beside the packet's own: for a header with options.
    public static var segmentHeadroom: Int { 32 }
    /// Bytes of a buffer: at first, at most.
    static var sendBuffer: Int { 64 * 1024 }
    static var receiveBuffer: Int { 64 * 1024 }
    public static var greatestBuffer: Int { 4 * 1024 * 1024 }
    /// To which a receive buffer grows by itself.
    static var greatestGrownBuffer: Int { 1024 * 1024 }
    /// Half-open connections; of them, each listener's.
    static var halfOpen: Int { 256 }
    static var halfOpenOfListener: Int { 128 }
    static var timeWaits: Int { 1024 }
    /// Connections that wait to be accepted.
    static var greatestBacklog: Int { 128 }
    /// Challenge ACKs of all connections in a second.
    static var challenges: Int { 100 }
}
