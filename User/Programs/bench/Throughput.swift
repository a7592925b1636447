// The network by the clock, with the host at the other end of a tap (`make bench-host`): packets a second each way,
// round trips, and what the card takes at most.

import SystemInterface
import UserLibrary

extension Bench {
    static let host = NetworkAddress(ipv4: 0xc0a8_4c01)  // 192.168.76.1
    private static let duration: UInt64 = 2_000_000_000

    /// What is measured, all or that which is named.
    static func showThroughput(_ names: Arguments) throws(SystemError) {
        _ = try System.ping(host, payload: 56, milliseconds: 2000)  // the host's Ethernet address is known from here on
        if wants("pings", names) {
            try showRate("pings") { () throws(SystemError) in
                _ = try System.ping(host, payload: 56, milliseconds: 2000)
            }
        }
        if wants("datagrams", names) { try showDatagrams() }
        if wants("streams", names) { try showStreams() }
        if wants("card", names) {
            try showLoop("looped", byteCount: 60)
            try showLoop("looped-1514", byteCount: 1514)
            try showRingRate()
        }
    }

    private static func showLoop(_ name: StaticString, byteCount: Int32) throws(SystemError) {
        try showRate(name, times: 250) { () throws(SystemError) in
            guard try System.loopDevice(0, count: 250, byteCount: byteCount) == 250 else { throw .noBufferSpace }
        }
    }

    private static func showDatagrams() throws(SystemError) {
        let sink = try System.socket()
        try System.connect(sink, to: SocketAddress(host, port: 7071))
        var buffer = [UInt8](repeating: 7, count: 2048)
        try showRate("sent") { () throws(SystemError) in try writePiece(sink, buffer, count: 64) }
        // The host sends for two seconds to each sender of a datagram.
        let source = try System.socket()
        try System.connect(source, to: SocketAddress(host, port: 7072))
        try writePiece(source, buffer, count: 1)
        try System.set(.receiveTimeout, of: source, to: 1000)
        var received: UInt64 = 0
        _ = try readPiece(source, into: &buffer)
        let end = System.clock + duration
        do throws(SystemError) {
            while System.clock < end {
                _ = try readPiece(source, into: &buffer)
                received += 1
            }
        } catch .timedOut {}
        show("received", received / 2)
    }

    /// Kilobits a second of a stream out and in, a megabyte at a time.
    private static func showStreams() throws(SystemError) {
        try showStream("stream-out", try sender())
        try showStream("stream-in", try receiver())
    }

    private static func showStream(_ name: StaticString, _ transfer: (Int) throws(SystemError) -> Void)
        throws(SystemError)
    {
        let portion = 1 << 20
        try transfer(portion)
        let start = System.clock
        var count: UInt64 = 0
        while System.clock < start + duration {
            try transfer(portion)
            count += UInt64(portion)
        }
        show(name, count * 8_000_000 / max(1, System.clock - start))
    }

    /// Does it for two seconds; prints how often a second.
    private static func showRate(_ name: StaticString, times: UInt64 = 1, _ body: () throws(SystemError) -> Void)
        throws(SystemError)
    {
        var count: UInt64 = 0
        let end = System.clock + duration
        while System.clock < end {
            // The clock is a system call: not for each packet.
            for _ in 0..<8 { try body() }
            count += 8 * times
        }
        show(name, count / 2)
    }
}
