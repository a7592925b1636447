// The few socket calls that the machine and its wires need.

import Foundation

public enum UnixSocket {
    private static func withAddress<Result>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result)
        -> Result
    {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) {
            unsafe $0.copyBytes(from: path.utf8.prefix($0.count - 1))
        }
        return unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func make(_ type: __socket_type) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw QTestError(description: "no socket: errno \(errno)") }
        return descriptor
    }

    static func bound(_ type: __socket_type, _ path: String) throws -> Int32 {
        let descriptor = try make(type)
        guard unsafe withAddress(path, { unsafe bind(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            throw QTestError(description: "bind to \(path): errno \(errno)")
        }
        return descriptor
    }

    /// A stream to the listener at `path`.
    public static func connected(to path: String) throws -> Int32 {
        let descriptor = try make(SOCK_STREAM)
        guard unsafe withAddress(path, { unsafe connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            throw QTestError(description: "connect to \(path): errno \(errno)")
        }
        return descriptor
    }

    public static func listen(_ path: String) throws -> Int32 {
        let descriptor = try bound(SOCK_STREAM, path)
        Foundation.listen(descriptor, 1)
        return descriptor
    }

    public static func accept(_ listener: Int32, seconds: Int32) throws -> Int32 {
        guard isReadable(listener, milliseconds: seconds * 1000) else {
            throw QTestError(description: "QEMU does not connect")
        }
        return Foundation.accept(listener, nil, nil)
    }

    /// Waits until there is something to read, or the end of the stream.
    public static func isReadable(_ descriptor: Int32, milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, milliseconds) > 0
    }

    static func send(_ bytes: [UInt8], from descriptor: Int32, to path: String, waiting: Bool) -> Bool {
        unsafe withAddress(path) { address, length in
            unsafe sendto(
                descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | (waiting ? 0 : Int32(MSG_DONTWAIT)), address,
                length) == bytes.count
        }
    }
}
