// Frames to and from an interface, past the kernel's protocols (packet(7)).

import Glibc

struct WireError: Error, CustomStringConvertible {
    let description: String

    init(_ reason: String) { description = reason }
    /// - Parameter number: errno.
    init(_ call: String, _ number: Int32) {
        let reason = unsafe String(cString: strerror(number))  // the C library's text, copied at once
        description = "\(call): \(reason)"
    }
}

struct Wire {
    private let socket: Int32

    init(_ interface: String) throws {
        let index = unsafe if_nametoindex(interface)  // the string's own bytes
        guard index != 0 else { throw WireError("no such interface") }
        socket = Glibc.socket(AF_PACKET, Int32(SOCK_RAW.rawValue), Int32(Self.allProtocols.bigEndian))
        guard socket >= 0 else { throw WireError("packet socket", errno) }
        var address = LinkAddress(protocolNumber: Self.allProtocols.bigEndian, interface: Int32(index))
        // As POSIX has it: any address is passed as a sockaddr, with its own size.
        let bound = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(socket, $0, socklen_t(MemoryLayout<LinkAddress>.size))
            }
        }
        guard bound == 0 else { throw WireError("bind", errno) }
        // Offers may go to the invented station address: frames for other stations are received, too.
        var membership = Membership(interface: Int32(index))
        // SOL_PACKET, PACKET_ADD_MEMBERSHIP
        _ = unsafe setsockopt(socket, 263, 1, &membership, socklen_t(MemoryLayout<Membership>.size))
    }

    private static let allProtocols: UInt16 = 3  // ETH_P_ALL

    /// struct sockaddr_ll, which the Glibc module does not have.
    private struct LinkAddress {
        var family = UInt16(AF_PACKET)
        var protocolNumber: UInt16
        var interface: Int32
        var hardwareType: UInt16 = 0
        var packetType: UInt8 = 0
        var addressCount: UInt8 = 0
        var address: UInt64 = 0
    }

    /// struct packet_mreq.
    private struct Membership {
        var interface: Int32
        var type: UInt16 = 1  // PACKET_MR_PROMISC
        var addressCount: UInt16 = 0
        var address: UInt64 = 0
    }

    func send(_ frame: [UInt8]) throws {
        guard unsafe Glibc.send(socket, frame, frame.count, 0) == frame.count else {  // the array's own bytes
            throw WireError("send", errno)
        }
    }

    /// The time of a clock that nothing sets.
    private static var milliseconds: Int {
        var now = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &now)  // fills in the record
        return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }

    /// The result of `wanted` for the first frame for which it has one; nil when none comes within so many seconds.
    func receive<Result>(for seconds: Int, _ wanted: ([UInt8]) -> Result?) -> Result? {
        let end = Self.milliseconds + seconds * 1000
        while true {
            let left = end - Self.milliseconds
            var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard left > 0, unsafe poll(&entry, 1, Int32(left)) > 0 else { return nil }  // one entry
            var buffer = [UInt8](repeating: 0, count: 2048)
            let count = unsafe recv(socket, &buffer, buffer.count, 0)  // no more than the buffer holds
            if count > 0, let result = wanted(Array(buffer[..<count])) { return result }
        }
    }
}
