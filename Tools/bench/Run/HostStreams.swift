// The host's side of the stream measures, in the namespace that HostNetwork makes: User/Programs/bench/StreamMeasures
// connects and writes a number in a line, as often as it likes. At port 7073 so many bytes are then read, and a byte
// answers; at 7074 so many are sent; at 7075 so many requests go to the guest's web server, and a byte answers.

import Foundation

enum HostStreams {
    static let guest = "192.168.76.11"
    private static let webPort: UInt16 = 7082

    /// Serves the three ports, each in a thread of its own, a connection after the other.
    static func start() throws {
        try serve(port: 7073) { connection, count in
            try connection.skip(count)
            try connection.write([7])
        }
        try serve(port: 7074) { connection, count in
            try connection.write([UInt8](repeating: 7, count: count))
        }
        try serve(port: 7075) { connection, count in
            let web = try StreamSocket(connectingTo: guest, port: webPort)
            for _ in 0..<count {
                try web.write(Array("GET /page HTTP/1.1\r\nHost: \(guest)\r\n\r\n".utf8))
                var length = 0
                while case let line = try web.line(), !line.isEmpty {
                    let parts = line.lowercased().split(separator: ":", maxSplits: 1)
                    if parts.first == "content-length" {
                        length = Int(parts[1].trimmingCharacters(in: .whitespaces)) ?? 0
                    }
                }
                guard length > 0 else { throw BenchError("the guest's web server has no page") }
                try web.skip(length)
            }
            try connection.write([7])
        }
    }

    private static func serve(port: UInt16, _ answer: @escaping @Sendable (StreamSocket, Int) throws -> Void) throws {
        let listener = try StreamSocket(listeningAt: port)
        Thread.detachNewThread {
            while let connection = try? listener.accept() {
                do {
                    while let count = Int(try connection.line()) { try answer(connection, count) }
                } catch {
                    FileHandle.standardError.write(Data("bench: port \(port): \(error)\n".utf8))
                }
            }
        }
    }
}

/// A TCP socket of the host's.
final class StreamSocket: @unchecked Sendable {
    private let descriptor: Int32
    private var received: [UInt8] = []

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    init(listeningAt port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        // An Int32, with its own size.
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        // An address with its size.
        let bound = unsafe Self.withAddress("0.0.0.0", port) { unsafe bind(descriptor, $0, $1) }
        guard descriptor >= 0, bound == 0, listen(descriptor, 16) == 0 else {
            throw BenchError("TCP port \(port) cannot be had")
        }
    }

    /// Tries for ten seconds: the server is being started.
    init(connectingTo address: String, port: UInt16) throws {
        for _ in 0..<100 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            // An address with its size.
            if unsafe Self.withAddress(address, port, { unsafe connect(descriptor, $0, $1) }) == 0 {
                self.descriptor = descriptor
                return
            }
            close(descriptor)
            usleep(100_000)
        }
        throw BenchError("\(address) port \(port) takes no connections")
    }

    deinit { close(descriptor) }

    private static func withAddress(
        _ text: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = unsafe inet_addr(text)  // the string's own bytes
        // As POSIX has it: any address is passed as a sockaddr, with its own size.
        return unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func accept() throws -> StreamSocket {
        let connection = Foundation.accept(descriptor, nil, nil)  // the peer's address is not wanted
        guard connection >= 0 else { throw BenchError("no connection can be accepted") }
        return StreamSocket(connection)
    }

    private func fill() throws {
        var buffer = [UInt8](repeating: 0, count: 256 * 1024)
        let count = unsafe recv(descriptor, &buffer, buffer.count, 0)  // no more than the buffer holds
        guard count > 0 else { throw BenchError("the connection was closed") }
        received += buffer[..<count]
    }

    /// The next line, without its end; empty when the peer has closed.
    func line() throws -> String {
        while true {
            if let end = received.firstIndex(of: 10) {
                let text = String(decoding: received[..<end], as: UTF8.self)
                received.removeSubrange(...end)
                return text.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            guard (try? fill()) != nil else { return "" }
        }
    }

    /// Takes so many bytes.
    func skip(_ count: Int) throws {
        var left = count
        while left > 0 {
            if received.isEmpty { try fill() }
            let taken = min(left, received.count)
            received.removeFirst(taken)
            left -= taken
        }
    }

    func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            // The bytes that are left.
            let count = unsafe bytes.withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw BenchError("the connection was closed") }
            sent += count
        }
    }
}
