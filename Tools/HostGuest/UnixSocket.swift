// The few socket calls that talking with QEMU needs.

import Foundation

/// A socket call that failed: which, and why.
public struct SocketFailure: Error, CustomStringConvertible {
    public let description: String
}

/// Sockets with a path for a name.
public enum UnixSocket {
    public enum Kind {
        case stream, datagram

        fileprivate var rawValue: Int32 {
            #if canImport(Glibc)
                return Int32((self == .stream ? SOCK_STREAM : SOCK_DGRAM).rawValue)
            #else
                return self == .stream ? SOCK_STREAM : SOCK_DGRAM
            #endif
        }
    }

    /// - Throws: when the path is too long for a socket's name.
    private static func withAddress<Result>(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) throws -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else {
            throw SocketFailure(description: "\(path): too long for a socket's name; set TMPDIR")
        }
        // The path and its NUL fit, as was looked; a call reads the address while it runs, and no more than its size.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        return unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func make(_ kind: Kind) throws -> Int32 {
        let descriptor = socket(AF_UNIX, kind.rawValue, 0)
        guard descriptor >= 0 else { throw SocketFailure(description: "no socket: errno \(errno)") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    /// A socket of this name.
    public static func bound(_ kind: Kind, _ path: String) throws -> Int32 {
        let descriptor = try make(kind)
        guard unsafe try withAddress(path, { unsafe bind(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            throw SocketFailure(description: "bind to \(path): errno \(errno)")
        }
        return descriptor
    }

    /// A stream to the listener at `path`.
    public static func connected(to path: String) throws -> Int32 {
        let descriptor = try make(.stream)
        guard unsafe try withAddress(path, { unsafe connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            throw SocketFailure(description: "connect to \(path): errno \(errno)")
        }
        return descriptor
    }

    /// A listener at `path`, for one that connects.
    public static func listen(_ path: String) throws -> Int32 {
        let descriptor = try bound(.stream, path)
        guard Foundation.listen(descriptor, 1) == 0 else {
            close(descriptor)
            throw SocketFailure(description: "listen at \(path): errno \(errno)")
        }
        return descriptor
    }

    /// Waits so long for one that connects.
    public static func accept(_ listener: Int32, seconds: Int32) throws -> Int32 {
        guard isReadable(listener, milliseconds: seconds * 1000) else {
            throw SocketFailure(description: "QEMU does not connect")
        }
        return Foundation.accept(listener, nil, nil)  // the peer's address is not asked for
    }

    /// Waits until there is something to read, or the end of the stream.
    public static func isReadable(_ descriptor: Int32, milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, milliseconds) > 0  // one entry
    }

    /// Sends a datagram; false when it did not go, or the name is too long.
    public static func send(_ bytes: [UInt8], from descriptor: Int32, to path: String, waiting: Bool) -> Bool {
        let flags = waiting ? 0 : Int32(MSG_DONTWAIT)
        let sent = unsafe try? withAddress(path) { address, length in
            // the array's own bytes
            unsafe sendto(descriptor, bytes, bytes.count, flags, address, length)
        }
        return sent == bytes.count
    }
}
