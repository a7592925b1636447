// Frames to and from an interface, past the kernel's protocols (packet(7)).

import Glibc

struct WireError: Error, CustomStringConvertible {
    let description: String
}

struct Wire {
    private let socket: Int32

    init(_ interface: String) throws {
        let index = if_nametoindex(interface)
        guard index != 0 else { throw WireError(description: "no such interface") }
        socket = Glibc.socket(AF_PACKET, Int32(SOCK_RAW.rawValue), Int32(Self.allProtocols.bigEndian))
        guard socket >= 0 else { throw WireError(description: "packet socket: \(String(cString: strerror(errno)))") }
        var address = LinkAddress(protocolNumber: Self.allProtocols.bigEndian, interface: Int32(index))
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, socklen_t(MemoryLayout<LinkAddress>.size)) }
        }
        guard bound == 0 else { throw WireError(description: "bind: \(String(cString: strerror(errno)))") }
        // Offers may go to the made-up station: take what is for others, too.
        var membership = Membership(interface: Int32(index))
        setsockopt(socket, 263, 1, &membership, socklen_t(MemoryLayout<Membership>.size))  // SOL_PACKET, PACKET_ADD_MEMBERSHIP
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
        guard Glibc.send(socket, frame, frame.count, 0) == frame.count else {
            throw WireError(description: "send: \(String(cString: strerror(errno)))")
        }
    }

    /// The first frame of which `wanted` makes something; nil when none comes within so many seconds.
    func receive<Result>(for seconds: Int, _ wanted: ([UInt8]) -> Result?) -> Result? {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let end = now.tv_sec * 1000 + now.tv_nsec / 1_000_000 + seconds * 1000
        while true {
            clock_gettime(CLOCK_MONOTONIC, &now)
            let left = end - now.tv_sec * 1000 - now.tv_nsec / 1_000_000
            var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard left > 0, poll(&entry, 1, Int32(left)) > 0 else { return nil }
            var buffer = [UInt8](repeating: 0, count: 2048)
            let count = recv(socket, &buffer, buffer.count, 0)
            if count > 0, let result = wanted(Array(buffer[..<count])) { return result }
        }
    }
}
