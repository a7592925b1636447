// The counters add up: after a storm, what came in is what was delivered and what was dropped, each once.

import Testing

@testable import NetStack

@Suite struct CounterTests {
    private func udp(
        _ port: UInt16, _ count: Int = 3, fragment: UInt16 = 0, source: UInt8 = 2, to: IPv4Address = guestAddress
    ) -> [UInt8] {
        let from = IPv4Address(10, 0, 2, source)
        let datagram = emitted(over: [UInt8](repeating: 0, count: 8) + [UInt8](repeating: 1, count: count)) {
            UDPHeader(sourcePort: 4000, destinationPort: port, payloadCount: count)
                .emit(to: &$0, source: from, destination: to)
        }
        let hardware = to.isMulticast ? EthernetAddress(group: to) : guestHardware
        return frame(
            datagram, protocolNumber: 17, source: from, destination: to, hardware: hardware, fragment: fragment)
    }

    private func fragment(_ identification: UInt8, _ offset: Int, _ count: Int, more: Bool, port: UInt16 = 7) -> [UInt8]
    {
        let whole = emitted(over: [UInt8](repeating: 0, count: 8) + [UInt8](repeating: 1, count: 32)) {
            UDPHeader(sourcePort: 4000, destinationPort: port, payloadCount: 32)
                .emit(to: &$0, source: IPv4Address(10, 0, 2, identification), destination: guestAddress)
        }
        return frame(
            Array(whole[offset..<offset + count]), protocolNumber: 17, source: IPv4Address(10, 0, 2, identification),
            fragment: UInt16(offset / 8) | (more ? 0x2000 : 0))
    }

    private struct Sum {
        let packetsIn, delivered, dropped, joined: UInt64
        let waiting: Int
        var addsUp: Bool { packetsIn == delivered + dropped + joined + UInt64(waiting) }
    }

    private func sum(_ host: TestHost, _ id: InterfaceID = .card(0)) -> Sum {
        let waiting = host.stack.fragmentsWaiting(at: id)
        let counters = host.stack.withInterface(id) { $0.counters }!
        let dropped = (0..<DropReason.count).compactMap { DropReason(rawValue: $0) }.filter(\.isIncoming)
            .reduce(0) { $0 + counters[$1] }
        return Sum(
            packetsIn: counters.packetsIn, delivered: counters.delivered(waiting: waiting), dropped: dropped,
            joined: counters.joined, waiting: waiting)
    }

    @Test func everyKindOfFragmentIsCountedOnce() throws {
        let host = TestHost(packets: 512)
        let socket = try host.stack.openSocket()
        try host.stack.bindSocket(socket, to: Endpoint(.any, 7))
        // Two pieces that become one datagram, a duplicate, a datagram that is not completed, one that does not fit.
        _ = host.deliver(fragment(1, 0, 16, more: true), fragment(1, 16, 24, more: false))
        #expect(sum(host).delivered == 1 && sum(host).joined == 1)
        _ = host.deliver(fragment(2, 0, 16, more: true), fragment(2, 0, 16, more: true))
        #expect(host.drops(.ipDuplicateFragment) == 1 && sum(host).waiting == 1)
        _ = host.deliver(fragment(3, 0, 16, more: true), fragment(3, 8, 16, more: true))
        #expect(host.drops(.ipBadFragment) == 2)
        _ = host.deliver(fragment(4, 24, 16, more: true), fragment(4, 8, 8, more: false))
        #expect(host.drops(.ipBadFragment) == 4)
        // More datagrams than there are places: the oldest is evicted, here the one that waited.
        for i: UInt8 in 20..<36 { _ = host.deliver(fragment(i, 0, 16, more: true)) }
        #expect(host.drops(.ipReassemblyEvicted) == 1 && sum(host).waiting == 16)
        _ = host.deliver(at: 31 * second)
        #expect(host.drops(.ipReassemblyTimedOut) == 16 && sum(host).waiting == 0)
        #expect(sum(host).addsUp && sum(host).delivered == 1)
    }

    @Test func afterAStormTheCountersAddUp() throws {
        var random = SeededRandom(seed: 17)
        let host = TestHost(packets: 1024)
        host.learn()
        var read = 0, sent = 0
        let socket = try host.stack.openSocket(), member = try host.stack.openSocket()
        try host.stack.bindSocket(socket, to: Endpoint(.any, 7))
        for each in [socket, member] { host.stack.setReuse(each, address: true) }
        try host.stack.bindSocket(member, to: Endpoint(IPv4Address(239, 1, 2, 3), 7))
        let kinds: [([UInt8], isDelivered: Bool, isAnswered: Bool)] = [
            (udp(7), true, false), (udp(8), false, false), (echoRequest([1]), true, true),
            (udp(7, to: IPv4Address(239, 1, 2, 3)), true, false), (Captured.arpReply, false, false),
            (Captured.arpRequest, false, false), (Captured.echoReply, false, false),
            (Captured.portUnreachable, false, false), ([1, 2, 3], false, false),
            (frame([1], protocolNumber: 99), false, false), (Array(udp(7).dropLast(2)), false, false),
        ]
        var delivered = 0
        for i in 0..<20_000 {
            let now = Instant(nanoseconds: UInt64(i) * 1_000_000)
            if i % 20_000 == 0 { host.learn(now: now) }
            switch Int.random(in: 0..<14, using: &random) {
            case let kind where kind < kinds.count:
                if kinds[kind].isDelivered { delivered += 1 }
                _ = host.deliver(kinds[kind].0, at: now)
                sent += 1
            case 11:
                let which = UInt8.random(in: 1..<250, using: &random)
                _ = host.deliver(fragment(which, 16, 24, more: false), at: now)
                sent += 1
            default:
                let which = UInt8.random(in: 1..<250, using: &random)
                _ = host.deliver(fragment(which, 0, 16, more: true), at: now)
                sent += 1
            }
            while host.stack.isReadable(socket), try host.stack.receive(from: socket) != nil { read += 1 }
            while host.stack.isReadable(member), try host.stack.receive(from: member) != nil {}
        }
        let total = sum(host)
        #expect(total.packetsIn == UInt64(sent) && total.addsUp)
        // A datagram of two fragments counts as delivered once; group datagrams reach two sockets and count once.
        #expect(total.delivered == UInt64(delivered) + total.joined)
        #expect(total.joined > 0 && host.drops(.ipReassemblyEvicted) > 0)
        #expect(host.drops(.icmpErrorLimited) > 0 && read > 0)
        #expect(sum(host, .loopback).packetsIn == 0 && sum(host, .loopback).dropped == 0)
        host.stack.closeSocket(socket)
        host.stack.closeSocket(member)
        for i: UInt64 in 100..<110 { _ = host.deliver(at: i * second) }  // neighbours that are silent are given up
        #expect(sum(host).addsUp)
        check(host.pool.pool.freeCount == 1024)
    }

    @Test func framesThatACaptureMissedAreCountedThere() throws {
        let host = TestHost(packets: 64)
        let capture = try host.stack.openCapture()
        for _ in 0..<100 { _ = host.deliver(udp(9)) }
        let report = host.stack.socketReport(capture)!
        let seen = UInt64(report.queued) + report.dropped
        // Each frame, and each error that answered one.
        let out = host.stack.withInterface(.card(0)) { $0.counters.packetsOut }!
        #expect(seen == 100 + out && report.dropped > 0)
    }
}
