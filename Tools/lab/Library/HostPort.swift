// Ports of this machine, for guests behind QEMU's own network.

import Foundation

enum HostPort {
    /// A port of 127.0.0.1 that nothing uses.
    static func free(isStream: Bool) throws -> Int {
        let (file, port) = try open(isStream: isStream)
        close(file)
        return port
    }

    /// A socket bound to such a port.
    static func open(isStream: Bool) throws -> (file: Int32, port: Int) {
        #if canImport(Glibc)
            let file = socket(AF_INET, Int32((isStream ? SOCK_STREAM : SOCK_DGRAM).rawValue), 0)
        #else
            let file = socket(AF_INET, isStream ? SOCK_STREAM : SOCK_DGRAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        // both calls use the address while they run, and no more of it than its size
        let status = unsafe withUnsafeMutablePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(file, $0, size) == 0 ? unsafe getsockname(file, $0, &size) : -1
            }
        }
        guard status == 0 else { throw LabError("no port of this machine is free") }
        return (file, Int(UInt16(bigEndian: address.sin_port)))
    }
}

/// Sends datagrams back to where they come from, until the program ends.
enum EchoService {
    /// Starts it; returns its port.
    static func start() throws -> Int {
        let (file, port) = try HostPort.open(isStream: false)
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 65536)
            var address = sockaddr_in()
            while true {
                var size = socklen_t(MemoryLayout<sockaddr_in>.size)
                let room = buffer.count
                // the calls use buffer and address while they run, and no more of them than their sizes
                unsafe withUnsafeMutablePointer(to: &address) {
                    unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        let count = unsafe recvfrom(file, &buffer, room, 0, $0, &size)
                        if count > 0 { _ = unsafe sendto(file, buffer, count, 0, $0, size) }
                    }
                }
            }
        }
        return port
    }
}
