// TLB flushes of an operation: QEMU counts them (`info jit`), and the guest's bench stops before and after each measured
// stretch so that the count can be read. A flush costs no instruction, but on QEMU about ten microseconds: the emulated
// TLB is filled anew.

import BenchReport
import Foundation

/// Talks to QEMU's machine protocol (QMP) over a socket of its own.
private final class Monitor {
    private let descriptor: Int32
    private var received: [UInt8] = []

    /// Connects to the socket at `path` as soon as QEMU listens there.
    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard descriptor >= 0, path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw BenchError("\(path): no socket can be made")
        }
        // it fits, as was checked
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        var tries = 0
        // As POSIX has it: any address is passed as a sockaddr, with its own size.
        while unsafe withUnsafePointer(
            to: &address,
            {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }) != 0
        {
            tries += 1
            guard tries < 200 else { throw BenchError("\(path): QEMU does not listen there") }
            usleep(50_000)
        }
        _ = try line()  // the greeting
        try send(#"{"execute":"qmp_capabilities"}"#)
        _ = try line()
    }

    deinit { close(descriptor) }

    /// All flushes until now, whole and partial.
    func flushes() throws -> Int {
        try send(#"{"execute":"human-monitor-command","arguments":{"command-line":"info jit"}}"#)
        let answer = try line()
        func count(_ kind: String) -> Int? {
            answer.firstRange(of: "TLB \(kind) flushes").flatMap {
                Int(answer[$0.upperBound...].drop { $0 == " " }.prefix { $0.isNumber })
            }
        }
        guard let full = count("full"), let partial = count("partial") else {
            throw BenchError("QEMU's \"info jit\" counts no TLB flushes")
        }
        return full + partial
    }

    private func send(_ text: String) throws {
        let bytes = Array((text + "\n").utf8)
        guard unsafe write(descriptor, bytes, bytes.count) == bytes.count else {  // the array's own bytes
            throw BenchError("QEMU's monitor is gone")
        }
    }

    /// The next line that answers; events are passed over.
    private func line() throws -> String {
        while true {
            if let end = received.firstIndex(of: 10) {
                let text = String(decoding: received[..<end], as: UTF8.self)
                received.removeSubrange(...end)
                if !text.contains(#""event""#) { return text }
                continue
            }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe read(descriptor, &buffer, buffer.count)  // no more than the buffer holds
            guard count > 0 else { throw BenchError("QEMU's monitor is gone") }
            received += buffer[0..<count]
        }
    }
}

/// Reads a guest's console and counts flushes between its `# begin` and `# end`.
final class FlushCounter {
    /// Tenths of a flush an operation.
    private(set) var results = Results()
    let flags: String
    private let path: String
    private var monitor: Monitor?
    private var began = 0
    private var stretches: [Int] = []
    private var divisor = 1

    init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-qmp-\(getpid())").path
        flags = "-qmp unix:\(path),server=on,wait=off"
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }  // QEMU leaves it

    /// Takes one line of the console; true when the guest waits for a newline.
    func take(_ line: Substring) throws -> Bool {
        // What the operation itself wrote to the console may stand in front.
        switch line {
        case _ where line.hasSuffix("# begin"):
            if monitor == nil { monitor = try Monitor(path: path) }
            began = try monitor?.flushes() ?? 0
            return true
        case _ where line.hasSuffix("# end"):
            stretches.append(try (monitor?.flushes() ?? 0) - began)
            return true
        case _ where line.hasPrefix("# of "): divisor = Int(line.dropFirst(5)) ?? 1
        default:
            guard let name = Results(String(line)).names.first else { break }
            // Of two stretches, the second did the same and `divisor` operations more.
            if let last = stretches.last {
                let count = stretches.count > 1 ? last - stretches[stretches.count - 2] : last
                results[name] = max(0, (count * 10 + divisor / 2) / max(divisor, 1))
            }
            stretches = []
        }
        return false
    }
}
