// Ports that several sockets share: SO_REUSEADDR and SO_REUSEPORT, and datagrams to groups and to all.

import Testing

@testable import NetStack

@Suite struct SharedPortTests {
    private func datagram(to destination: IPv4Address, from port: UInt16 = 4000, count: Int = 3) -> [UInt8] {
        let payload = emitted(over: [UInt8](repeating: 0, count: 8) + [UInt8](repeating: 7, count: count)) {
            UDPHeader(sourcePort: port, destinationPort: 7, payloadCount: count)
                .emit(to: &$0, source: peerAddress, destination: destination)
        }
        let hardware =
            destination.isMulticast
            ? EthernetAddress(group: destination) : destination.isBroadcast ? .broadcast : guestHardware
        return frame(payload, protocolNumber: IPProtocol.udp, destination: destination, hardware: hardware)
    }

    private func open(
        _ host: TestHost, _ address: IPv4Address = .any, reuses: Bool = false, shares: Bool = false
    ) throws -> Int {
        let socket = try host.stack.openSocket()
        if reuses { host.stack.setReuse(socket, address: true) }
        if shares { host.stack.setReuse(socket, port: true) }
        try host.stack.bindSocket(socket, to: Endpoint(address, 7))
        return socket
    }

    private func queued(_ host: TestHost, _ sockets: [Int]) -> [Int] {
        sockets.map { host.stack.socketReport($0)!.queued }
    }

    @Test func bothMustWantIt() throws {
        let host = TestHost()
        let first = try open(host)
        #expect(throws: SocketError.addressInUse) { try open(host, reuses: true) }
        host.stack.setReuse(first, address: true)
        _ = try open(host, reuses: true)
        #expect(throws: SocketError.addressInUse) { try open(host) }
        #expect(throws: SocketError.addressInUse) { try open(host, shares: true) }
        _ = try open(host, guestAddress, reuses: true, shares: true)
    }

    @Test func withReuseTheLastOneGetsWhatIsForOne() throws {
        let host = TestHost()
        let first = try open(host, reuses: true), second = try open(host, reuses: true)
        _ = host.deliver(datagram(to: guestAddress))
        #expect(queued(host, [first, second]) == [0, 1])
        host.stack.closeSocket(second)
        _ = host.deliver(datagram(to: guestAddress))
        check(host.stack.socketReport(first)!.queued == 1)
    }

    @Test func withReusePortSendersAreSpreadAndStay() throws {
        let host = TestHost(packets: 512)
        let sockets = try (0..<4).map { _ in try open(host, shares: true) }
        for port in UInt16(4000)..<4040 { _ = host.deliver(datagram(to: guestAddress, from: port)) }
        let first = queued(host, sockets)
        #expect(first.reduce(0, +) == 40 && first.allSatisfy { $0 > 0 })
        // The same senders come to the same sockets.
        for port in UInt16(4000)..<4040 { _ = host.deliver(datagram(to: guestAddress, from: port)) }
        #expect(queued(host, sockets) == first.map { 2 * $0 })
    }

    @Test(arguments: [IPv4Address(239, 1, 2, 3), .broadcast, IPv4Address(10, 0, 2, 255)], [3, 1400])
    func whatIsForAllGoesToEachSocketThatFits(destination: IPv4Address, count: Int) throws {
        let host = TestHost()
        let any = try open(host, reuses: true), other = try open(host, reuses: true)
        let own = try open(host, guestAddress, reuses: true)
        let group = try open(host, IPv4Address(239, 1, 2, 3), reuses: true)
        let stranger = try open(host, IPv4Address(239, 1, 2, 4), reuses: true)
        _ = host.deliver(datagram(to: destination, count: count))
        let isGroup = destination.isMulticast
        #expect(queued(host, [any, other, own, group, stranger]) == [1, 1, 0, isGroup ? 1 : 0, 0])
        for socket in isGroup ? [any, other, group] : [any, other] {
            let datagram = try host.stack.receive(from: socket)!
            #expect(copy(datagram.payload) == [UInt8](repeating: 7, count: count))
            #expect(datagram.source == Endpoint(peerAddress, 4000))
        }
        check(host.pool.pool.freeCount == 64)
    }

    @Test func datagramInPiecesGoesToEachMemberToo() throws {
        let host = TestHost(packets: 64)
        let group = IPv4Address(239, 1, 2, 3)
        let members = try (0..<3).map { _ in try open(host, group, reuses: true) }
        let sender = try host.stack.openSocket()
        var payload = host.pool.packet([UInt8](repeating: 1, count: FragmentSize.ethernet - 8))!
        payload.append(part: host.pool.packet([UInt8](repeating: 2, count: 700))!)
        try host.stack.send(payload, from: sender, to: Endpoint(group, 7), now: 0)
        for member in members {
            let datagram = try host.stack.receive(from: member)!
            #expect(copy(datagram.payload).count == FragmentSize.ethernet - 8 + 700)
        }
        #expect(host.wire.takeOutgoing().count { $0[12...13] == [8, 0] && $0[23] == 17 } == 2)
        check(host.pool.pool.freeCount == 64)
    }

    @Test func memberWithoutRoomLosesItsCopyAlone() throws {
        let host = TestHost(packets: 2000)
        let full = try open(host, reuses: true), other = try open(host, reuses: true)
        for _ in 0..<256 {
            _ = host.deliver(datagram(to: .broadcast))
            _ = try host.stack.receive(from: other)
        }
        _ = host.deliver(datagram(to: .broadcast))
        check(host.stack.socketReport(full)!.dropped == 1)
        check(host.stack.socketReport(other)!.queued == 1)
        #expect(host.drops(.udpQueueFull) == 0)  // it served its purpose
    }
}
