// How much several processes get done together, by the clock: whether more harts do more.

import SystemInterface
import UserLibrary

enum Work {
    /// fork, exec and wait.
    case exec
    /// Files in the block cache: open, read, close.
    case read
    /// Files: create, write, unlink, each process its own.
    case write
    /// Datagrams of 64 bytes to the host, and round trips to it.
    case send
    case ping
    /// Round trips within the machine: all of it under the lock around the stack.
    case loop

    init?(_ word: CString) {
        if word == "exec" {
            self = .exec
        } else if word == "read" {
            self = .read
        } else if word == "write" {
            self = .write
        } else if word == "send" {
            self = .send
        } else if word == "ping" {
            self = .ping
        } else if word == "loop" {
            self = .loop
        } else {
            return nil
        }
    }
}

/// The program that does nothing, ready to be executed: nothing is allocated between fork and exec.
struct TrueProgram: ~Copyable {
    private let path: Path = "true"
    private let arguments = ArgumentVector([CString("true").bytes])

    /// fork, exec and wait.
    func run() throws(SystemError) {
        if try System.fork() == 0 { try System.exec(path, arguments) }
        _ = try System.wait()
    }
}

extension Bench {
    private static let workers = 4
    private static let duration: UInt64 = 2_000_000_000

    /// Four processes at work for two seconds; prints how often all of them together did it, the interrupts it took,
    /// and how long harts waited for locks.
    static func showWork(_ work: Work) throws(SystemError) {
        let counts = try System.pipe()
        if work == .send || work == .ping { try ping(host) }  // the host's Ethernet address is known from here on
        let before = System.counters()
        let began = System.clock
        let end = began + duration
        for number in 0..<workers {
            try child { () throws(SystemError) in
                let program = TrueProgram()
                let datagram = [UInt8](repeating: 7, count: 64)
                let sink = work == .send ? try openSink() : counts.write
                var done: UInt32 = 0
                while System.clock < end {
                    switch work {
                    case .exec: try program.run()
                    case .read: try readFile()
                    case .write: try writeFile(number)
                    case .send: try writePiece(sink, datagram, count: 64)
                    case .ping: try ping(host)
                    case .loop: try ping(loopback)
                    }
                    done += 1
                }
                let bytes: [UInt8] = [
                    UInt8(done & 255), UInt8(done >> 8 & 255), UInt8(done >> 16 & 255), UInt8(done >> 24),
                ]
                try writePiece(counts.write, bytes, count: 4)
            }
        }
        var total: UInt64 = 0
        var bytes = [UInt8](repeating: 0, count: 4)
        for _ in 0..<workers {
            _ = try System.wait()
            guard try readPiece(counts.read, into: &bytes) == 4 else { throw .inputOutput }
            for index in 0..<4 { total += UInt64(bytes[index]) << UInt64(8 * index) }
        }
        let after = System.counters()
        show("work", total)
        show("device-interrupts", after.deviceInterrupts &- before.deviceInterrupts)
        show("wake-interrupts", after.wakeInterrupts &- before.wakeInterrupts)
        // In a thousandth of the time that all of it took: with n harts n thousand at most.
        let thousandth = max(1, (System.clock - began) / 1000)
        show("stack-lock-wait", (after.stackLockWait &- before.stackLockWait) / thousandth)
        show("lock-wait", (after.lockWait &- before.lockWait) / thousandth)
    }

    private static func openSink() throws(SystemError) -> FileDescriptor {
        let sink = try System.socket()
        try System.connect(sink, to: SocketAddress(host, port: 7071))
        return sink
    }

    private static let loopback = NetworkAddress(ipv4: 0x7f00_0001)

    private static func ping(_ address: NetworkAddress) throws(SystemError) {
        _ = try System.ping(address, payload: 56, milliseconds: 2000)
    }

    private static func readFile() throws(SystemError) {
        var buffer = [UInt8](repeating: 7, count: 4096)
        let file = try System.open("/README")
        while try readPiece(file, into: &buffer) > 0 {}
        try System.close(file)
    }

    private static func writeFile(_ number: Int) throws(SystemError) {
        let buffer = [UInt8](repeating: 7, count: 4096)
        let path = Path("w\(number)" as Text)
        let file = try System.open(path, [.create, .readWrite])
        try writePiece(file, buffer, count: 4096)
        try System.close(file)
        try System.unlink(path)
    }
}
