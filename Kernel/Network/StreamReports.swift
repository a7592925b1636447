// The stack's connections as the records that cross the system-call border.

import Drivers
import NetStack
import SystemInterface

extension StreamReport {
    init(_ info: StreamInfo, local: Endpoint, peer: Endpoint?, isOpen: Bool) {
        self.init()
        self.local = SocketAddress(local)
        if let peer { self.peer = SocketAddress(peer) }
        state = State(rawValue: info.state.rawValue) ?? .closed
        phase = Phase(rawValue: info.phase) ?? .open
        congestionAlgorithm = info.algorithm.rawValue
        flags = (info.usesSACK ? 1 : 0) | (info.usesTimestamps ? 2 : 0) | (info.usesECN ? 4 : 0) | (isOpen ? 8 : 0)
        sendShift = info.sendShift
        receiveShift = info.receiveShift
        timeout = Self.microseconds(info.retransmissionTimeout)
        roundTrip = Self.microseconds(info.smoothedRoundTrip)
        variation = Self.microseconds(info.roundTripVariation)
        leastRoundTrip = Self.microseconds(info.leastRoundTrip)
        segmentSize = UInt32(clamping: info.segmentSize)
        congestionWindow = UInt32(clamping: info.congestionWindow)
        threshold = UInt32(clamping: info.slowStartThreshold)
        outstanding = UInt32(clamping: info.outstanding)
        unsent = UInt32(clamping: info.unsent)
        lost = UInt32(clamping: info.lost)
        retransmissions = info.retransmissions
        sendWindow = UInt32(clamping: info.sendWindow)
        receiveWindow = UInt32(clamping: info.receiveWindow)
        sendBuffer = UInt32(clamping: info.sendBuffer)
        receiveBuffer = UInt32(clamping: info.receiveBuffer)
        receiveQueue = UInt32(clamping: info.receiveQueue)
        backlog = UInt32(clamping: info.backlog)
    }

    private static func microseconds(_ duration: Duration) -> UInt32 {
        UInt32(clamping: duration.nanoseconds / 1000)
    }
}

extension StackReports {
    static func connection(_ index: Int, of stack: borrowing Stack) -> StreamReport? {
        stack.connectionReport(index).map {
            StreamReport($0.info, local: $0.local, peer: $0.remote.port == 0 ? nil : $0.remote, isOpen: $0.socket >= 0)
        }
    }

    static func streamCounters(of stack: borrowing Stack) -> StreamCounters {
        let counters = stack.tcpCounters
        var report = StreamCounters()
        report.activeOpens = counters.activeOpens
        report.passiveOpens = counters.passiveOpens
        report.failedAttempts = counters.failedAttempts
        report.resetsReceived = counters.resetsReceived
        report.resetsSent = counters.resetsSent
        report.segmentsIn = counters.segmentsIn
        report.segmentsOut = counters.segmentsOut
        report.retransmissions = counters.retransmissions
        report.timeouts = counters.timeouts
        report.cookiesSent = counters.cookiesSent
        report.cookiesTaken = counters.cookiesTaken
        report.backlogFull = counters.backlogFull
        return report
    }
}
