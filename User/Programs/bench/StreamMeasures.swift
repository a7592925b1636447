// Streams: within the machine, and over a card with Linux at the other end of a tap (Tools/bench's stations at
// 192.168.76.1: one swallows what comes, one sends as much as it is asked for, one fetches pages from here).

import SystemInterface
import UserLibrary

extension Bench {
    private static let local = NetworkAddress(ipv4: 0x7f00_0001)
    /// Payload bytes of a full segment with timestamps.
    private static let segment = 1448
    /// Bytes of a write, of a read, and of the page that is fetched.
    private static let piece = 32 * 1024
    private static let page = 1024
    private static let idlePairs = 500

    /// Within the machine.
    static var streamOperations: [Operation] {
        [
            Operation("stream-open") { () throws(SystemError) in
                let listener = try System.listening(at: 7080)
                try measure("stream-open", 50) { () throws(SystemError) in
                    let (near, far) = try pair(listener, port: 7080)
                    try System.close(near)
                    try System.close(far)
                }
                try System.close(listener)
            },
            Operation("stream-round-trip") { () throws(SystemError) in try roundTrips() },
        ]
    }

    /// Measured with -s, with Linux at the other end.
    static var hostStreamOperations: [Operation] {
        [
            Operation("tcp-send") { () throws(SystemError) in try showSegments("tcp-send", try sender()) },
            Operation("tcp-receive") { () throws(SystemError) in
                try showSegments("tcp-receive", try receiver())
            },
            Operation("http-request") { () throws(SystemError) in try servePages() },
        ]
    }

    private static func pair(_ listener: FileDescriptor, port: UInt16) throws(SystemError) -> (
        FileDescriptor, FileDescriptor
    ) {
        let near = try System.connected(to: SocketAddress(local, port: port))
        return (near, try System.accept(listener).0)
    }

    /// A byte there and back between two ends in this machine: alone, and beside a thousand ends that have nothing to
    /// say.
    private static func roundTrips() throws(SystemError) {
        let listener = try System.listening(at: 7081)
        let (near, far) = try pair(listener, port: 7081)
        var byte: [UInt8] = [7]
        func roundTrip() throws(SystemError) {
            try writePiece(near, byte, count: 1)
            _ = try readPiece(far, into: &byte)
            try writePiece(far, byte, count: 1)
            _ = try readPiece(near, into: &byte)
        }
        try measure("stream-round-trip", 200) { () throws(SystemError) in try roundTrip() }
        var idle: [FileDescriptor] = []
        for _ in 0..<idlePairs {
            let (one, other) = try pair(listener, port: 7081)
            idle.append(one)
            idle.append(other)
        }
        try measure("stream-round-trip-1000", 200) { () throws(SystemError) in try roundTrip() }
        for descriptor in idle { try System.close(descriptor) }
        for descriptor in [near, far, listener] { try System.close(descriptor) }
    }

    /// What sends so many bytes, and waits until the station has them.
    static func sender() throws(SystemError) -> (Int) throws(SystemError) -> Void {
        let socket = try System.connected(to: SocketAddress(host, port: 7073))
        let buffer = [UInt8](repeating: 7, count: piece)
        return { (byteCount) throws(SystemError) in
            var left = byteCount
            try writeText(socket, "\(left)\n")
            while left > 0 {
                let count = min(left, piece)
                try writePiece(socket, buffer, count: count)
                left -= count
            }
            var answer: [UInt8] = [0]
            guard try readPiece(socket, into: &answer) == 1 else { throw .connectionReset }
        }
    }

    /// What asks for so many bytes, and reads them.
    static func receiver() throws(SystemError) -> (Int) throws(SystemError) -> Void {
        let socket = try System.connected(to: SocketAddress(host, port: 7074))
        var buffer = [UInt8](repeating: 0, count: piece)
        return { (byteCount) throws(SystemError) in
            var left = byteCount
            try writeText(socket, "\(left)\n")
            while left > 0 {
                let count = try readPiece(socket, into: &buffer)
                guard count > 0 else { throw .connectionReset }
                left -= count
            }
        }
    }

    /// Requests for a page of 1 KB on one connection: `httpd` and the kernel, the client is the station.
    private static func servePages() throws(SystemError) {
        let file = try System.open("/page", [.create, .truncate, .writeOnly])
        try writePiece(file, [UInt8](repeating: 120, count: page), count: page)
        try System.close(file)
        let server = try System.fork()
        if server == 0 { System.exit(execute(["httpd", "-p", "7082", "/"].map { ($0 as Text).bytes })) }
        let socket = try System.connected(to: SocketAddress(host, port: 7075))
        var answer: [UInt8] = [0]
        try showDifference("http-request") { (count) throws(SystemError) in
            try writeText(socket, "\(count)\n")
            guard try readPiece(socket, into: &answer) == 1 else { throw .connectionReset }
        }
        try System.close(socket)
        try System.kill(server)
        _ = try System.wait()
        try System.unlink("/page")
    }

    private static func writeText(_ file: FileDescriptor, _ text: Text) throws(SystemError) {
        try writePiece(file, text.bytes, count: text.bytes.count)
    }

    /// Segments' worth of bytes: windows have grown after the first round; then the difference between many and few
    /// counts.
    private static func showSegments(_ name: StaticString, _ body: (Int) throws(SystemError) -> Void)
        throws(SystemError)
    {
        let few = 1000, many = 4000
        try body(2000 * segment)
        let short = try interval(1, warmUp: 0) { () throws(SystemError) in try body(few * segment) }
        let long = try interval(1, warmUp: 0) { () throws(SystemError) in try body((few + many) * segment) }
        show(name, long.instructions - min(long.instructions, short.instructions), of: many)
    }
}
