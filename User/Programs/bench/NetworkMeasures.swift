// The network over a card, with a peer at the other end of its wire: Tools/bench on the host, 10.0.7.1, takes commands
// at UDP port 7070 ("echo 56 100": so many echo requests, one after the other; "send 64 100 500": so many datagrams,
// 500 µs apart) and swallows what comes to port 9.
//
// What one packet costs is the difference between many and few, so that the command itself does not count.

import SystemInterface
import UserLibrary

extension Bench {
    private static let peer = NetworkAddress(ipv4: 0x0a00_0701)
    private static let few = 100
    private static let many = 500

    /// Measured with -n, with a peer at the other end.
    static var networkOperations: [Operation] {
        [
            Operation("echo-56") { () throws(SystemError) in try echo("echo-56", 56) },
            Operation("echo-1400") { () throws(SystemError) in try echo("echo-1400", 1400) },
            Operation("udp-send-64") { () throws(SystemError) in try send("udp-send-64", 64) },
            Operation("udp-send-1470") { () throws(SystemError) in try send("udp-send-1470", 1470) },
            Operation("udp-receive-64") { () throws(SystemError) in try receive("udp-receive-64", 64) },
            Operation("udp-receive-1470") { () throws(SystemError) in try receive("udp-receive-1470", 1470) },
            Operation("burst") { () throws(SystemError) in try burst() },
            Operation("flood") { () throws(SystemError) in try flood() },
        ]
    }

    private static func connected(_ port: UInt16) throws(SystemError) -> FileDescriptor {
        let socket = try System.socket()
        try System.connect(socket, to: SocketAddress(peer, port: port))
        return socket
    }

    /// The socket that the peer's commands go over, once the peer is known.
    static func ringCommander() throws(SystemError) -> FileDescriptor {
        let socket = try connected(7070)
        var buffer = [UInt8](repeating: 0, count: 64)
        try command(socket, "echo 56 1")
        _ = try readPiece(socket, into: &buffer)
        return socket
    }

    private static func command(_ socket: FileDescriptor, _ text: Text) throws(SystemError) {
        try writePiece(socket, text.bytes, count: text.bytes.count)
    }

    /// Measures `body` with many packets and with few, and prints the difference for one.
    static func showDifference(_ name: StaticString, _ body: (Int) throws(SystemError) -> Void)
        throws(SystemError)
    {
        try body(20)
        let short = try interval(1, warmUp: 0) { () throws(SystemError) in try body(few) }
        let long = try interval(1, warmUp: 0) { () throws(SystemError) in try body(few + many) }
        show(name, long.instructions - short.instructions, of: many)
    }

    private static func echo(_ name: StaticString, _ size: Int) throws(SystemError) {
        let socket = try connected(7070)
        var buffer = [UInt8](repeating: 0, count: 64)
        try showDifference(name) { (count) throws(SystemError) in
            try command(socket, "echo \(size) \(count)")
            _ = try readPiece(socket, into: &buffer)
        }
        try System.close(socket)
    }

    private static func send(_ name: StaticString, _ size: Int) throws(SystemError) {
        let socket = try connected(9)
        let buffer = [UInt8](repeating: 7, count: size)
        try showDifference(name) { (count) throws(SystemError) in
            for _ in 0..<count { try writePiece(socket, buffer, count: size) }
        }
        try System.close(socket)
    }

    /// Datagrams with so much time between them that each finds the program asleep.
    private static func receive(_ name: StaticString, _ size: Int) throws(SystemError) {
        let socket = try connected(7070)
        var buffer = [UInt8](repeating: 0, count: 2048)
        try showDifference(name) { (count) throws(SystemError) in
            try command(socket, "send \(size) \(count) 500")
            for _ in 0..<count {
                guard try readPiece(socket, into: &buffer) == size else { throw .inputOutput }
            }
        }
        try System.close(socket)
    }

    /// A thousand datagrams as fast as the host can send them: interrupts, and instructions for each that arrived.
    private static func burst() throws(SystemError) {
        let socket = try connected(7070)
        try System.set(.receiveTimeout, of: socket, to: 300)
        var buffer = [UInt8](repeating: 0, count: 2048)
        var received = 0
        let interval = try interval(1, warmUp: 0) { () throws(SystemError) in
            try command(socket, "send 64 1000 0")
            do throws(SystemError) {
                while true {
                    _ = try readPiece(socket, into: &buffer)
                    received += 1
                }
            } catch .timedOut {}
        }
        try System.close(socket)
        guard received > 0 else { throw .timedOut }
        show("burst-receive-64", interval.instructions, of: received)
        show("burst-interrupts", interval.deviceInterrupts)
    }

    /// Two thousand datagrams as fast as the host can send them, on the hart of a program that computes: instructions
    /// until the interface has taken them all, which part of those the program had, in percent, and how many frames were
    /// taken at most while it did 20,000 instructions.
    private static func flood() throws(SystemError) {
        let socket = try connected(7070)
        let alone = try interval(8) { () throws(SystemError) in
            compute()
            _ = try packetsIn()
        }
        let before = try packetsIn()
        var taken: UInt64 = 0, most: UInt64 = 0
        var rounds: UInt64 = 0
        let flooded = try interval(1, warmUp: 0) { () throws(SystemError) in
            try command(socket, "send 64 2000 0")
            // What a card without room loses is not waited for.
            while taken < 1900 && rounds < 20_000 {
                compute()
                rounds += 1
                let now = try packetsIn() - before
                most = max(most, now - taken)
                taken = now
            }
        }
        try System.close(socket)
        show("flood-instructions", flooded.instructions)
        show("flood-share", alone.instructions / 8 * rounds * 100, of: Int(flooded.instructions))
        show("flood-turn", most)
    }

    private static func packetsIn() throws(SystemError) -> UInt64 {
        let interfaces = try allInterfaces()
        return interfaces.isEmpty ? 0 : interfaces[0].packetsIn
    }

    /// Some twenty thousand instructions of a program's own.
    private static func compute() {
        var state = unsafe storedState
        for _ in 0..<2000 {
            state ^= state << 13
            state ^= state >> 7
        }
        unsafe storedState = state
    }

    nonisolated(unsafe) private static var storedState: UInt64 = 1  // a program has one thread
}
