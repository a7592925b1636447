// One connection, or one socket that may become one: its state, its addresses, its halves and what its program has
// asked for. A record of the table in TCPTable.swift.

/// What a program may set on a stream socket.
struct StreamOptions {
    /// SO_KEEPALIVE.
    var keepsAlive = false
    /// SO_LINGER: milliseconds that close waits until the peer has all; 0: it forgets what was not sent, and resets; -1:
    /// off.
    var linger: Int32 = -1
    /// SO_REUSEADDR.
    var reusesAddress = false
    /// TCP_USER_TIMEOUT: so long something may stay unacknowledged; nil: as the retransmissions have it.
    var userTimeout: Duration?
    var timeToLive: UInt8 = 64
}

/// A clock of timestamps (RFC 7323, 5.4): milliseconds from where the pair's clock begins.
func timestampClock(_ now: Instant, from offset: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000) &+ offset
}

/// What happened to a connection that its program may wait for.
struct StreamEvents: OptionSet {
    let rawValue: UInt8
    /// Something can be read, written or accepted, or has failed.
    static let changed = StreamEvents(rawValue: 1)
    /// The record is of no more use.
    static let ended = StreamEvents(rawValue: 2)
    /// Both sides have closed: TIME-WAIT begins.
    static let waits = StreamEvents(rawValue: 4)
}

struct TCPConnection: ~Copyable {
    var state = TCPState.closed
    var isUsed = false
    var local = Endpoint.unspecified
    var remote = Endpoint.unspecified
    /// The socket's number; -1: the program has closed it, or has not accepted it.
    var socket = -1
    /// The listener whose queue it waits in; -1: none.
    var listener = -1
    /// In the hash chain, in the free list, or in a listener's queue of those to be accepted.
    var nextInChain: Int16 = -1
    var nextWaiting: Int16 = -1

    var sender = TCPSender()
    var receiver = TCPReceiver()
    var options = StreamOptions()
    /// Both sides send timestamps (RFC 7323), and this side's clock begins there.
    var usesTimestamps = false
    var timestampOffset: UInt32 = 0
    /// Both sides take part in ECN (RFC 3168).
    var usesECN = false
    /// What this side announces as its maximum segment size.
    var announcedSegment: UInt16 = 0
    /// SYNs that were sent; retransmissions in a row.
    var attempts = 0
    var error: SocketError?
    /// What a router said: a reason to give, not to end (RFC 1122, 4.2.3.9).
    var softError: SocketError?
    var errorReporter = IPAddress.unspecified
    var errorCode: UInt16 = 0
    /// When the last segment came, and when a bare one outside the window was answered last.
    var lastHeard = Instant.start
    var lastAnswered = Instant.start
    /// When something was first sent that is not acknowledged.
    var unansweredSince = Instant.never
    var keepAliveProbes = 0
    var keepAliveTimer = Instant.never
    /// When a connection without a program ends.
    var endTimer = Instant.never
    /// What the stack's timer of this connection is set to.
    var armed = Instant.never
    /// The number of segments that were sent again, and the bytes each way, for netstat.
    var retransmissions: UInt32 = 0
    var events = StreamEvents()

    /// Its program waits for packets of the pool.
    var awaitsPackets = false
    /// It waits for room in a card, or for packets, and so does the next one.
    var isStalled = false
    var nextStalled: Int16 = -1

    // Of a listener: connections that wait to be accepted, the oldest first.
    var backlog = 0
    var firstWaiting: Int16 = -1
    var lastWaiting: Int16 = -1
    var waitingCount = 0
    var halfOpenCount = 0
    /// When a cookie last came back to it and as many waited as may.
    var cookieWithoutRoom: Instant?

    /// The clock of this side's timestamps (RFC 7323, 5.4): milliseconds from a secret start.
    func clock(_ now: Instant) -> UInt32 { timestampClock(now, from: timestampOffset) }

    var isOrphan: Bool { socket < 0 && listener < 0 }

    /// The first of its times that comes.
    var nextTimer: Instant {
        min(
            min(min(sender.timer, sender.reorderingTimer), receiver.ackTimer), min(keepAliveTimer, endTimer))
    }

    /// Ends the connection with an error for its program.
    mutating func fail(_ error: SocketError?) {
        if let error { self.error = error }
        state = .closed
        events.insert([.changed, .ended])
        stopTimers()
    }

    mutating func stopTimers() {
        sender.timer = .never
        sender.reorderingTimer = .never
        receiver.ackTimer = .never
        keepAliveTimer = .never
        endTimer = .never
    }

    /// The handshake is complete.
    mutating func establish(now: Instant) {
        state = .established
        events.insert(.changed)
        attempts = 0
        lastHeard = now
        unansweredSince = .never
        setKeepAlive(now: now)
    }

    mutating func setKeepAlive(now: Instant) {
        keepAliveTimer = options.keepsAlive && state.isSynchronized ? lastHeard + TCPTime.keepAliveIdle : .never
        keepAliveProbes = 0
    }

    /// Takes over what a SYN says of the peer, and what both sides can do.
    /// - Parameters:
    ///   - syn: the peer's options; `.none` of one means that the peer, or this side, does not do it.
    ///   - window: the peer's, in bytes.
    ///   - mtu: the largest packet that the way takes.
    mutating func agree(_ syn: TCPOptions, window: Int, mtu: Int) {
        sender.recovery.usesSACK = syn.allowsSACK
        usesTimestamps = syn.timestamp != nil
        if let scale = syn.windowScale {
            sender.windowShift = scale
        } else {
            receiver.windowShift = 0
        }
        if let timestamp = syn.timestamp { receiver.recentTimestamp = timestamp.value }
        sender.window = window
        sender.greatestWindow = window
        setSegment(peer: syn.maximumSegmentSize.map { Int($0) } ?? TCPLimit.defaultSegment, mtu: mtu)
    }

    /// RFC 6691: what is announced does not count options; a full segment does.
    mutating func setSegment(peer: Int, mtu: Int) {
        let largest = min(max(peer, TCPLimit.leastSegment), max(TCPLimit.leastSegment, mtu - 40))
        let size = min(largest - (usesTimestamps ? 12 : 0), TCPLimit.greatestSegment)
        sender.setSegmentSize(size)
        receiver.segmentSize = min(Int(announcedSegment), size)
    }
}
