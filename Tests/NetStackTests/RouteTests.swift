// Which way packets go: the table by itself, and a host with several interfaces.

import Testing

@testable import NetStack

@Suite struct RouteTests {
    private func entry(_ text: (UInt8, UInt8, UInt8, UInt8), _ prefixLength: Int, _ interface: Int) -> RouteEntry {
        RouteEntry(
            IPv4Address(text.0, text.1, text.2, text.3), prefixLength: prefixLength, interface: .card(interface))!
    }

    private func emptyTable() -> RouteTable {
        let byteCount = RouteTable.memoryNeeded
        var memory = unsafe TableMemory(unsafe: .allocate(byteCount: byteCount, alignment: 16), byteCount: byteCount)
        return RouteTable(&memory)
    }

    @Test func longestPrefixStandsFirstInWhateverOrderTheyCame() {
        let entries = [
            entry((0, 0, 0, 0), 0, 0), entry((10, 0, 0, 0), 8, 1), entry((10, 1, 0, 0), 16, 2),
            entry((10, 1, 2, 3), 32, 3),
        ]
        var random = SeededRandom(seed: 3)
        for _ in 0..<50 {
            var table = emptyTable()
            for entry in entries.shuffled(using: &random) { check(table.insert(entry)) }
            #expect((0..<4).map { table[$0]!.prefixLength } == [128, 112, 104, 96])
            check(!table.insert(entries[2]))
            let removed = table.remove { $0.prefixLength == 112 }
            #expect(removed == 1)
            #expect(table.count == 3 && table[1] == entries[1] && table[3] == nil)
        }
    }

    @Test func bitsBeyondThePrefixAreRefused() {
        #expect(RouteEntry(IPv4Address(10, 0, 0, 1), prefixLength: 8, interface: .card(0)) == nil)
        #expect(RouteEntry(.any, prefixLength: 33, interface: .card(0)) == nil)
        #expect(RouteEntry(.any, prefixLength: -1, interface: .card(0)) == nil)
    }

    @Test func tableThatIsFullSaysSo() {
        var table = emptyTable()
        for i in 0..<StackLimit.routes { check(table.insert(entry((10, 0, UInt8(i), 0), 24, 0))) }
        check(!table.insert(entry((10, 1, 0, 0), 24, 0)))
    }

    /// Interface 0 on 10.0.2.0/24 with a router, interface 1 on 192.168.7.0/24.
    private func hostOnTwoNetworks() -> (TestHost, TestWire) {
        let host = TestHost()
        let wire = TestWire()
        let index = host.stack.addInterface(
            TestCard(wire: wire, pool: host.pool, hardwareAddress: EthernetAddress(2, 0, 0, 0, 0, 9)))
        #expect(index == .card(1))
        host.stack.configure(.card(1), address: IPv4Address(192, 168, 7, 1), prefixLength: 24, gateway: nil)
        host.stack.timers.cancel(.claim(.card(1)))
        _ = host.stack.withInterface(.card(1)) { $0.claim = AddressClaim() }
        return (host, wire)
    }

    /// The interface that asks for a neighbour when something is sent there, and the address that it asks for.
    private func way(_ host: TestHost, _ other: TestWire, to destination: IPv4Address) -> String {
        do {
            _ = try host.stack.startEcho(to: destination, payloadCount: 0, sequence: 0, timeout: 1 * second, now: 0)
        } catch { return "\(error)" }
        for slot in 0..<StackLimit.echoes { host.stack.cancelEcho(slot) }
        let asked = host.wire.takeOutgoing().map { "0 " + $0[38..<42].map(String.init).joined(separator: ".") }
        let askedOther = other.takeOutgoing().map { "1 " + $0[38..<42].map(String.init).joined(separator: ".") }
        return (asked + askedOther).joined(separator: ", ")
    }

    @Test func eachNetworkHasItsInterfaceAndTheRestARouter() throws {
        let (host, other) = hostOnTwoNetworks()
        #expect(way(host, other, to: IPv4Address(10, 0, 2, 9)) == "0 10.0.2.9")
        #expect(way(host, other, to: IPv4Address(192, 168, 7, 9)) == "1 192.168.7.9")
        #expect(way(host, other, to: IPv4Address(8, 8, 8, 8)) == "0 10.0.2.2")
        try host.stack.addRoute(
            to: IPv4Address(8, 8, 0, 0), prefixLength: 16, gateway: IPv4Address(192, 168, 7, 3), interface: nil)
        #expect(way(host, other, to: IPv4Address(8, 8, 4, 4)) == "1 192.168.7.3")
        try host.stack.removeRoute(to: .any, prefixLength: 0, interface: nil)
        #expect(way(host, other, to: IPv4Address(9, 9, 9, 9)) == "noRoute")
    }

    @Test func routesByHandAreChecked() throws {
        let (host, _) = hostOnTwoNetworks()
        let network = IPv4Address(8, 8, 0, 0)
        #expect(throws: RouteError.malformed) {
            try host.stack.addRoute(to: network, prefixLength: 16, gateway: IPv4Address(9, 9, 9, 9), interface: nil)
        }
        #expect(throws: RouteError.malformed) {
            try host.stack.addRoute(to: network, prefixLength: 16, gateway: guestAddress, interface: nil)
        }
        #expect(throws: RouteError.malformed) {
            try host.stack.addRoute(to: network, prefixLength: 16, gateway: nil, interface: 7)
        }
        #expect(throws: RouteError.malformed) {
            try host.stack.addRoute(to: network, prefixLength: 16, gateway: nil, interface: nil)
        }
        #expect(throws: RouteError.malformed) {
            try host.stack.addRoute(to: network, prefixLength: 8, gateway: peerAddress, interface: nil)
        }
        try host.stack.addRoute(to: network, prefixLength: 16, gateway: peerAddress, interface: nil)
        #expect(throws: RouteError.exists) {
            try host.stack.addRoute(to: network, prefixLength: 16, gateway: peerAddress, interface: nil)
        }
        try host.stack.removeRoute(to: network, prefixLength: 16, interface: 0)
        #expect(throws: RouteError.notFound) {
            try host.stack.removeRoute(to: network, prefixLength: 16, interface: nil)
        }
        #expect(throws: RouteError.notFound) {
            try host.stack.removeRoute(to: IPv4Address(127, 0, 0, 0), prefixLength: 8, interface: nil)
        }
    }

    @Test func addressThatGoesTakesItsRoutesAlong() throws {
        let (host, _) = hostOnTwoNetworks()
        try host.stack.addRoute(to: IPv4Address(8, 8, 0, 0), prefixLength: 16, gateway: peerAddress, interface: nil)
        host.stack.configure(.card(0), address: .any, prefixLength: 0, gateway: nil)
        check((0..<host.stack.routes.count).allSatisfy { host.stack.routes[$0]!.interface != .card(0) })
        check(host.stack.routes.count == 2)
    }

    /// Of the peer's card, for the guest's address.
    private func arpRequest(from sender: IPv4Address) -> [UInt8] {
        emitted(14) { EthernetHeader(destination: .broadcast, source: peerHardware, type: EtherType.arp).emit(to: &$0) }
            + emitted(28) {
                ARPMessage(
                    operation: .request, senderHardware: peerHardware, senderProtocol: sender, targetHardware: .zero,
                    targetProtocol: guestAddress
                ).emit(to: &$0)
            }
    }

    // MARK: The claim on an address (RFC 5227)

    @Test func newAddressIsAnnouncedTwice() {
        let host = TestHost()
        host.stack.configure(.card(0), address: IPv4Address(10, 0, 2, 16), prefixLength: 24, gateway: nil)
        // It was probed for already.
        _ = host.stack.withInterface(.card(0)) { $0.claim = AddressClaim(announcements: AddressClaim.announcements) }
        let first = host.deliver(at: second)
        #expect(first.count == 1 && first[0][28..<32] == [10, 0, 2, 16] && first[0][38..<42] == [10, 0, 2, 16])
        check(host.stack.nextDeadline == 3 * second)
        #expect(host.deliver(at: 2 * second).isEmpty)
        #expect(host.deliver(at: 3 * second) == first)
        #expect(host.deliver(at: 30 * second).isEmpty)
    }

    @Test func addressIsDefendedOnceInTenSeconds() {
        let host = TestHost()
        let frame = arpRequest(from: guestAddress)
        #expect(host.deliver(frame, at: 0).count == 1)
        #expect(host.deliver(frame, at: second).isEmpty)
        #expect(host.deliver(frame, at: 10 * second).count == 1)
        #expect(host.drops(.arpConflict) == 3)
        check(host.stack.withInterface(.card(0)) { $0.address } == guestAddress)
    }

    @Test func groupsHaveTheirOwnEthernetAddresses() throws {
        let host = TestHost()
        let socket = try host.stack.openSocket()
        try host.stack.send(host.pool.packet([1])!, from: socket, to: Endpoint(IPv4Address(239, 130, 1, 2), 9), now: 0)
        let sent = host.wire.takeOutgoing()
        #expect(sent.count == 1 && Array(sent[0][0..<6]) == [1, 0, 0x5e, 2, 1, 2])
    }

    // MARK: Looking at the wire

    @Test func captureShowsBothDirectionsAndEndsWithItsSocket() throws {
        let host = TestHost()
        let socket = try host.stack.openCapture()
        let request = arpRequest(from: peerAddress)
        let answers = host.deliver(request, at: 77)
        #expect(answers.count == 1)
        var seen: [(CaptureHeader, [UInt8])] = []
        while let datagram = try host.stack.receive(from: socket) {
            let bytes = copy(datagram.payload)
            seen.append((withBytes(bytes) { CaptureHeader(parsing: $0)! }, Array(bytes.dropFirst(16))))
        }
        #expect(seen.map(\.1) == [request] + answers)
        #expect(
            seen.map(\.0.isOutgoing) == [false, true]
                && seen.allSatisfy { $0.0.time == 77 && $0.0.interface == .card(0) })
        #expect(seen.map(\.0.frameCount) == [request.count, answers[0].count])
        host.stack.closeSocket(socket)
        _ = host.deliver(request)
        check(host.pool.pool.freeCount == 64)
    }
}
