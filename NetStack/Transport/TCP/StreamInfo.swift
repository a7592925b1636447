// What a program sets on a stream socket, and what it and netstat can read of one.

import Storage

/// An option of stream sockets; SystemInterface's SocketOption has the contract.
public enum StreamOption: Sendable {
    case keepAlive, linger, reuseAddress, noDelay, userTimeout, sendBuffer, receiveBuffer, congestion, timeToLive
}

/// A connection as it is at the moment (TCP_INFO). Bytes, and nanoseconds.
public struct StreamInfo: Sendable {
    public var state = TCPState.closed
    public var algorithm = CongestionAlgorithm.cubic
    /// 0: open; 1: recovery; 2: after a time-out.
    public var phase: UInt8 = 0
    public var usesSACK = false
    public var usesTimestamps = false
    public var usesECN = false
    public var sendShift: UInt8 = 0
    public var receiveShift: UInt8 = 0
    public var retransmissionTimeout = Duration.zero
    public var smoothedRoundTrip = Duration.zero
    public var roundTripVariation = Duration.zero
    public var leastRoundTrip = Duration.zero
    public var segmentSize = 0
    public var congestionWindow = 0
    /// .max: nothing was lost yet.
    public var slowStartThreshold = Int.max
    public var outstanding = 0
    public var unsent = 0
    public var lost = 0
    public var retransmissions: UInt32 = 0
    public var sendWindow = 0
    public var receiveWindow = 0
    public var sendBuffer = 0
    public var receiveBuffer = 0
    /// Bytes that wait to be read; of a listener: connections that wait to be accepted.
    public var receiveQueue = 0
    /// Of a listener: how many may wait.
    public var backlog = 0
}

extension NetStack where Device: ~Copyable {
    /// Sets an option. Returns false for a value that it cannot have.
    public mutating func setStream(_ i: Int, _ option: StreamOption, _ value: Int, now: Instant) -> Bool {
        guard let record = stream(i) else { return false }
        let connection = tcp[record]
        switch option {
        case .keepAlive:
            connection.value.options.keepsAlive = value != 0
            connection.value.setKeepAlive(now: now)
            setTimer(of: record)
        case .linger:
            guard value >= -1, value <= Int32.max else { return false }
            connection.value.options.linger = value == Int32.max ? -1 : Int32(value)
        case .reuseAddress: connection.value.options.reusesAddress = value != 0
        case .noDelay:
            connection.value.sender.sendsAtOnce = value != 0
            settle(record, now: now)
            flush()
        case .userTimeout:
            guard value >= 0 else { return false }
            connection.value.options.userTimeout = value == 0 ? nil : .milliseconds(UInt64(value))
        case .sendBuffer:
            guard value > 0 else { return false }
            connection.value.sender.bufferLimit = min(max(value, 4096), TCPLimit.greatestBuffer)
        case .receiveBuffer:
            guard value > 0 else { return false }
            connection.value.receiver.bufferLimit = min(max(value, 4096), TCPLimit.greatestBuffer)
            connection.value.receiver.isFixed = true
        case .congestion:
            guard let algorithm = CongestionAlgorithm(rawValue: UInt8(clamping: value)) else { return false }
            connection.value.sender.congestion = Congestion(algorithm)
        case .timeToLive:
            guard value >= 1, value <= 255 else { return false }
            connection.value.options.timeToLive = UInt8(value)
        }
        return true
    }

    /// An option's value; nil of a socket that is no stream.
    public func streamOption(_ i: Int, _ option: StreamOption) -> Int? {
        guard let record = stream(i) else { return nil }
        let connection = tcp[record]
        switch option {
        case .keepAlive: return connection.value.options.keepsAlive ? 1 : 0
        case .linger:
            // No option is read as -1, which is how a call fails.
            let linger = connection.value.options.linger
            return Int(linger < 0 ? .max : linger)
        case .reuseAddress: return connection.value.options.reusesAddress ? 1 : 0
        case .noDelay: return connection.value.sender.sendsAtOnce ? 1 : 0
        case .userTimeout:
            return Int((connection.value.options.userTimeout ?? .zero).nanoseconds / 1_000_000)
        case .sendBuffer: return connection.value.sender.bufferLimit
        case .receiveBuffer: return connection.value.receiver.bufferLimit
        case .congestion: return Int(connection.value.sender.congestion.algorithm.rawValue)
        case .timeToLive: return Int(connection.value.options.timeToLive)
        }
    }

    /// The error that ended a connection, or that connecting met; it is reported once.
    public mutating func takeStreamError(_ i: Int) -> SocketError? {
        stream(i).flatMap { tcp[$0].value.error.take() }
    }

    /// SND.NXT of a stream's connection, for tests that answer it; 0 of a socket that is no stream.
    public func nextSequence(ofSocket i: Int) -> UInt32 { stream(i).map { tcp[$0].value.sender.next.bits } ?? 0 }

    /// A connection as it is at the moment; nil of a socket that is no stream.
    public func streamInfo(_ i: Int) -> StreamInfo? { stream(i).map { info($0) } }

    /// The connection in record `index`, 0 up to `connectionCount`, and its addresses; nil where there is none. Those
    /// behind the table's are in TIME-WAIT, or half open.
    public func connectionReport(_ index: Int) -> (info: StreamInfo, local: Endpoint, remote: Endpoint, socket: Int)? {
        let records = tcp.connections.count
        if index < records {
            guard index >= 0, tcp[index].value.isUsed else { return nil }
            return (info(index), tcp[index].value.local, tcp[index].value.remote, tcp[index].value.socket)
        }
        var info = StreamInfo()
        if index < records + TCPLimit.halfOpen {
            guard let record = tcp.halfOpen.record(index - records) else { return nil }
            info.state = .synReceived
            return (info, record.local, record.remote, -1)
        }
        guard let record = tcp.timeWaits.record(index - records - TCPLimit.halfOpen) else { return nil }
        info.state = .timeWait
        return (info, record.local, record.remote, -1)
    }

    public var connectionCount: Int { tcp.connections.count + TCPLimit.halfOpen + TCPLimit.timeWaits }
    public var tcpCounters: TCPCounters { tcp.counters }

    private func info(_ record: Int) -> StreamInfo {
        let connection = tcp[record]
        var info = StreamInfo()
        info.state = connection.value.state
        info.algorithm = connection.value.sender.congestion.algorithm
        switch connection.value.sender.recovery.phase {
        case .open: info.phase = 0
        case .recovery: info.phase = 1
        case .loss: info.phase = 2
        }
        info.usesSACK = connection.value.sender.recovery.usesSACK
        info.usesTimestamps = connection.value.usesTimestamps
        info.usesECN = connection.value.usesECN
        info.sendShift = connection.value.sender.windowShift
        info.receiveShift = connection.value.receiver.windowShift
        info.retransmissionTimeout = connection.value.sender.roundTrip.backedOff
        info.smoothedRoundTrip = connection.value.sender.roundTrip.smoothed ?? .zero
        info.roundTripVariation = connection.value.sender.roundTrip.variation
        info.leastRoundTrip = connection.value.sender.roundTrip.least ?? .zero
        info.segmentSize = connection.value.sender.segmentSize
        info.congestionWindow = connection.value.sender.cwnd.size
        info.slowStartThreshold = connection.value.sender.cwnd.threshold
        info.outstanding = connection.value.sender.outstanding
        info.unsent = max(0, connection.value.sender.queuedBytes - connection.value.sender.outstanding)
        info.lost = connection.value.sender.recovery.lost
        info.retransmissions = connection.value.retransmissions
        info.sendWindow = connection.value.sender.window
        info.receiveWindow = connection.value.receiver.window
        info.sendBuffer = connection.value.sender.bufferLimit
        info.receiveBuffer = connection.value.receiver.bufferLimit
        info.receiveQueue =
            connection.value.state == .listen ? connection.value.waitingCount : connection.value.receiver.available
        info.backlog = connection.value.backlog
        return info
    }
}
