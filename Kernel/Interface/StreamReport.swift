// A stream socket's connection, as TCP_INFO and netstat show it.

/// A connection, a listener or an unused stream socket. 128 bytes; sizes in bytes, times in microseconds.
public struct StreamReport: Sendable, BitwiseCopyable {
    /// The states of RFC 9293, 3.3.2.
    public enum State: UInt8, Sendable {
        case closed, listen, synSent, synReceived, established, finWait1, finWait2, closeWait, closing, lastAck,
            timeWait
    }

    /// What loss recovery is doing.
    public enum Phase: UInt8, Sendable {
        case open, recovery, loss
    }

    public var local = SocketAddress.none
    /// `none` of a listener.
    public var peer = SocketAddress.none
    var stateNumber: UInt8 = 0
    var phaseNumber: UInt8 = 0
    /// 0: NewReno; 1: CUBIC.
    public var congestionAlgorithm: UInt8 = 0
    /// Bits: 1 SACK, 2 timestamps, 4 ECN, 8 a program has it open.
    public var flags: UInt8 = 0
    /// Windows are shifted by so much: the peer's, and this side's.
    public var sendShift: UInt8 = 0
    public var receiveShift: UInt8 = 0
    var reserved: UInt16 = 0
    /// RTO, SRTT, RTTVAR, and the least round trip.
    public var timeout: UInt32 = 0
    public var roundTrip: UInt32 = 0
    public var variation: UInt32 = 0
    public var leastRoundTrip: UInt32 = 0
    public var segmentSize: UInt32 = 0
    /// cwnd and ssthresh; the greatest number: nothing was lost yet.
    public var congestionWindow: UInt32 = 0
    public var threshold: UInt32 = .max
    /// Sent and not acknowledged; not sent yet; taken to be lost.
    public var outstanding: UInt32 = 0
    public var unsent: UInt32 = 0
    public var lost: UInt32 = 0
    /// Segments that were sent again.
    public var retransmissions: UInt32 = 0
    public var sendWindow: UInt32 = 0
    public var receiveWindow: UInt32 = 0
    public var sendBuffer: UInt32 = 0
    public var receiveBuffer: UInt32 = 0
    /// Waits to be read; of a listener: connections that wait to be accepted.
    public var receiveQueue: UInt32 = 0
    /// Of a listener: how many may wait.
    public var backlog: UInt32 = 0
    var reserved2: UInt32 = 0

    public init() {}

    public var state: State {
        get { State(rawValue: stateNumber) ?? .closed }
        set { stateNumber = newValue.rawValue }
    }
    public var phase: Phase {
        get { Phase(rawValue: phaseNumber) ?? .open }
        set { phaseNumber = newValue.rawValue }
    }
    public var usesSACK: Bool { flags & 1 != 0 }
    public var usesTimestamps: Bool { flags & 2 != 0 }
    public var usesECN: Bool { flags & 4 != 0 }
    public var isOpen: Bool { flags & 8 != 0 }
}

/// What happened to all connections together since the start. 96 bytes.
public struct StreamCounters: Sendable, BitwiseCopyable {
    public var activeOpens: UInt64 = 0
    public var passiveOpens: UInt64 = 0
    public var failedAttempts: UInt64 = 0
    public var resetsReceived: UInt64 = 0
    public var resetsSent: UInt64 = 0
    public var segmentsIn: UInt64 = 0
    public var segmentsOut: UInt64 = 0
    public var retransmissions: UInt64 = 0
    public var timeouts: UInt64 = 0
    /// SYN cookies sent, and those that came back.
    public var cookiesSent: UInt64 = 0
    public var cookiesTaken: UInt64 = 0
    /// SYNs and ACKs dropped because a listener's queue was full.
    public var backlogFull: UInt64 = 0

    public init() {}
}
