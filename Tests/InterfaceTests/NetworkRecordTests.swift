// The layout of the records that cross the system-call border, pinned: programs built long ago, and programs in C, read
// them by offset.

import Testing

@testable import SystemInterface

@Suite struct NetworkRecordTests {
    /// Fields by offset and size, and the record's size: no gap, no padding at the end, nothing left out.
    private func check<Record>(
        _ record: Record.Type, size: Int, _ fields: [(name: String, offset: Int?, size: Int)],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var end = 0
        for field in fields {
            #expect(field.offset == end, "\(record).\(field.name)", sourceLocation: sourceLocation)
            end += field.size
        }
        #expect(end == size, "\(record): the fields end at \(end)", sourceLocation: sourceLocation)
        #expect(
            MemoryLayout<Record>.size == size && MemoryLayout<Record>.stride == size, "\(record)",
            sourceLocation: sourceLocation)
    }

    private func at<Record, Field>(_ path: KeyPath<Record, Field>, _ name: String) -> (
        name: String, offset: Int?, size: Int
    ) {
        (name, MemoryLayout<Record>.offset(of: path), MemoryLayout<Field>.size)
    }

    private func bytes(of address: NetworkAddress) -> [UInt8] {
        unsafe withUnsafeBytes(of: address) { unsafe Array($0) }  // copied while the value is there
    }

    @Test func addresses() {
        check(
            NetworkAddress.self, size: 16, [at(\NetworkAddress.bytes0, "bytes0"), at(\NetworkAddress.bytes8, "bytes8")])
        check(
            SocketAddress.self, size: 24,
            [
                at(\SocketAddress.address, "address"), at(\SocketAddress.scope, "scope"),
                at(\SocketAddress.port, "port"), at(\SocketAddress.reserved, "reserved"),
            ])
        // In network order, as in6_addr and a mapped IPv4 address lie in memory.
        let bytes = bytes(of: NetworkAddress(ipv4: 0x0a00_020f))
        #expect(bytes == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 2, 15])
        #expect(NetworkAddress(ipv4: 0x0a00_020f).ipv4 == 0x0a00_020f && NetworkAddress.none.ipv4 == nil)
        let long = NetworkAddress(high: 0x2001_0db8_0000_0001, low: 0x0203_0405_0607_0809)
        #expect(long.high == 0x2001_0db8_0000_0001 && long.low == 0x0203_0405_0607_0809 && long.ipv4 == nil)
        #expect(self.bytes(of: long) == [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }

    @Test func packetRings() {
        check(
            PacketRingsRequest.self, size: 64,
            [
                at(\PacketRingsRequest.name0, "name0"), at(\PacketRingsRequest.name8, "name8"),
                at(\PacketRingsRequest.transmitSlots, "transmitSlots"),
                at(\PacketRingsRequest.receiveSlots, "receiveSlots"), at(\PacketRingsRequest.hostSlots, "hostSlots"),
                at(\PacketRingsRequest.extraBuffers, "extraBuffers"), at(\PacketRingsRequest.address, "address"),
                at(\PacketRingsRequest.byteCount, "byteCount"), at(\PacketRingsRequest.hardware, "hardware"),
                at(\PacketRingsRequest.frameLimit, "frameLimit"), at(\PacketRingsRequest.buffersOf, "buffersOf"),
                at(\PacketRingsRequest.interface, "interface"), at(\PacketRingsRequest.firstBuffer, "firstBuffer"),
            ])
        let slot = PacketSlot(buffer: 0x1_0203, length: 1514)
        #expect(slot.rawValue == 0x05ea_0001_0203 && slot.buffer == 0x1_0203 && slot.length == 1514)
        var request = PacketRingsRequest()
        #expect(request.isValid && request.bufferCount == 640 && request.pageCount == 325 && !request.isPipe)
        // With another's buffers the region has slots alone.
        request.firstBuffer = 1
        #expect(!request.isValid)
        request.buffersOf = 1
        #expect(request.isValid && request.bufferCount == 640 && request.pageCount == 5)
        request.extraBuffers = 1
        #expect(!request.isValid)
        (request.name0, request.receiveSlots, request.extraBuffers) = (0x613a_6570_6970, 513, 0)
        #expect(!request.isValid && request.isPipe)
    }

    @Test func streams() {
        check(
            StreamReport.self, size: 128,
            [
                at(\StreamReport.local, "local"),
                at(\StreamReport.peer, "peer"),
                at(\StreamReport.stateNumber, "stateNumber"),
                at(\StreamReport.phaseNumber, "phaseNumber"),
                at(\StreamReport.congestionAlgorithm, "congestionAlgorithm"),
                at(\StreamReport.flags, "flags"),
                at(\StreamReport.sendShift, "sendShift"),
                at(\StreamReport.receiveShift, "receiveShift"),
                at(\StreamReport.reserved, "reserved"),
                at(\StreamReport.timeout, "timeout"),
                at(\StreamReport.roundTrip, "roundTrip"),
                at(\StreamReport.variation, "variation"),
                at(\StreamReport.leastRoundTrip, "leastRoundTrip"),
                at(\StreamReport.segmentSize, "segmentSize"),
                at(\StreamReport.congestionWindow, "congestionWindow"),
                at(\StreamReport.threshold, "threshold"),
                at(\StreamReport.outstanding, "outstanding"),
                at(\StreamReport.unsent, "unsent"),
                at(\StreamReport.lost, "lost"),
                at(\StreamReport.retransmissions, "retransmissions"),
                at(\StreamReport.sendWindow, "sendWindow"),
                at(\StreamReport.receiveWindow, "receiveWindow"),
                at(\StreamReport.sendBuffer, "sendBuffer"),
                at(\StreamReport.receiveBuffer, "receiveBuffer"),
                at(\StreamReport.receiveQueue, "receiveQueue"),
                at(\StreamReport.backlog, "backlog"),
                at(\StreamReport.reserved2, "reserved2"),
            ])
        check(
            StreamCounters.self, size: 96,
            [
                at(\StreamCounters.activeOpens, "activeOpens"),
                at(\StreamCounters.passiveOpens, "passiveOpens"),
                at(\StreamCounters.failedAttempts, "failedAttempts"),
                at(\StreamCounters.resetsReceived, "resetsReceived"),
                at(\StreamCounters.resetsSent, "resetsSent"),
                at(\StreamCounters.segmentsIn, "segmentsIn"),
                at(\StreamCounters.segmentsOut, "segmentsOut"),
                at(\StreamCounters.retransmissions, "retransmissions"),
                at(\StreamCounters.timeouts, "timeouts"),
                at(\StreamCounters.cookiesSent, "cookiesSent"),
                at(\StreamCounters.cookiesTaken, "cookiesTaken"),
                at(\StreamCounters.backlogFull, "backlogFull"),
            ])
    }

    @Test func sockets() {
        check(
            PollEntry.self, size: 8,
            [
                at(\PollEntry.descriptor, "descriptor"), at(\PollEntry.events, "events"),
                at(\PollEntry.returned, "returned"),
            ])
        #expect(
            PollEntry.readable == 1 && PollEntry.writable == 4 && PollEntry.error == 8 && PollEntry.hangUp == 16
                && PollEntry.invalid == 32)
        check(
            SocketStatus.self, size: 72,
            [
                at(\SocketStatus.local, "local"), at(\SocketStatus.peer, "peer"), at(\SocketStatus.dropped, "dropped"),
                at(\SocketStatus.queued, "queued"),
                at(\SocketStatus.kindNumber, "kind"), at(\SocketStatus.isConnectedNumber, "isConnected"),
                at(\SocketStatus.reserved, "reserved"),
            ])
        check(
            PingReply.self, size: 16,
            [
                at(\PingReply.roundTripNanoseconds, "roundTripNanoseconds"), at(\PingReply.bytes, "bytes"),
                at(\PingReply.sequence, "sequence"),
                at(\PingReply.timeToLive, "timeToLive"), at(\PingReply.reserved, "reserved"),
            ])
    }

    @Test func tables() {
        check(
            InterfaceReport.self, size: 144,
            [
                at(\InterfaceReport.number, "number"), at(\InterfaceReport.prefixLength, "prefixLength"),
                at(\InterfaceReport.flagBits, "flags"),
                at(\InterfaceReport.capabilityBits, "capabilities"), at(\InterfaceReport.name, "name"),
                at(\InterfaceReport.hardware, "hardware"), at(\InterfaceReport.address, "address"),
                at(\InterfaceReport.router, "router"), at(\InterfaceReport.mtu, "mtu"),
                at(\InterfaceReport.greatestMTU, "greatestMTU"),
                at(\InterfaceReport.packetsIn, "packetsIn"), at(\InterfaceReport.packetsOut, "packetsOut"),
                at(\InterfaceReport.bytesIn, "bytesIn"), at(\InterfaceReport.bytesOut, "bytesOut"),
                at(\InterfaceReport.drops, "drops"), at(\InterfaceReport.spot, "spot"),
                at(\InterfaceReport.driver0, "driver0"), at(\InterfaceReport.driver8, "driver8"),
                at(\InterfaceReport.cardCapabilityBits, "cardCapabilities"),
                at(\InterfaceReport.queuePairs, "queuePairs"),
            ])
        check(
            RouteReport.self, size: 40,
            [
                at(\RouteReport.destination, "destination"), at(\RouteReport.router, "router"),
                at(\RouteReport.prefixLength, "prefixLength"),
                at(\RouteReport.interface, "interface"), at(\RouteReport.isStaticNumber, "isStatic"),
                at(\RouteReport.reserved, "reserved"), at(\RouteReport.reserved2, "reserved2"),
            ])
        check(
            NeighbourReport.self, size: 32,
            [
                at(\NeighbourReport.address, "address"), at(\NeighbourReport.hardware, "hardware"),
                at(\NeighbourReport.secondsLeft, "secondsLeft"),
                at(\NeighbourReport.interface, "interface"), at(\NeighbourReport.stateNumber, "state"),
                at(\NeighbourReport.reserved, "reserved"),
            ])
        check(
            NameServerReport.self, size: 24,
            [at(\NameServerReport.address, "address"), at(\NameServerReport.isByHandNumber, "isByHand")])
        check(
            DropReport.self, size: 552,
            [
                at(\DropReport.counts, "counts"), at(\DropReport.delivered, "delivered"),
                at(\DropReport.joined, "joined"), at(\DropReport.waiting, "waiting"), at(\DropReport.lost, "lost"),
                at(\DropReport.ringsFull, "ringsFull"),
            ])
        check(
            PacketReport.self, size: 80,
            [
                at(\PacketReport.total, "total"), at(\PacketReport.free, "free"),
                at(\PacketReport.lowWater, "lowWater"), at(\PacketReport.failures, "failures"),
                at(\PacketReport.receiving, "receiving"), at(\PacketReport.receivingLimit, "receivingLimit"),
                at(\PacketReport.sending, "sending"), at(\PacketReport.sendingLimit, "sendingLimit"),
                at(\PacketReport.own, "own"), at(\PacketReport.ownLimit, "ownLimit"),
            ])
    }

    @Test func memory() {
        typealias Record = NetworkMemory
        check(
            Record.self, size: 352,
            [
                at(\Record.packets, "packets"), at(\Record.receiving, "receiving"), at(\Record.sending, "sending"),
                at(\Record.own, "own"), at(\Record.waiting, "waiting"), at(\Record.fragments, "fragments"),
                at(\Record.connections, "connections"), at(\Record.halfOpen, "halfOpen"),
                at(\Record.timeWaits, "timeWaits"), at(\Record.sockets, "sockets"),
                at(\Record.neighbours, "neighbours"), at(\Record.routes, "routes"), at(\Record.queries, "queries"),
                at(\Record.sendBytes, "sendBytes"), at(\Record.receiveBytes, "receiveBytes"),
                at(\Record.earlyBytes, "earlyBytes"), at(\Record.fixedBytes, "fixedBytes"),
                at(\Record.grownBytes, "grownBytes"), at(\Record.states, "states"),
                at(\Record.greatestBuffer, "greatestBuffer"), at(\Record.reserved, "reserved"),
            ])
        #expect(MemoryLayout<ShareInUse>.offset(of: \.limit) == 8)
        var record = Record()
        record[.timeWait] = 3
        #expect(record.states[10] == 3 && record[.closed] == 0)
    }

    @Test func leasesAndNames() {
        check(
            LeaseReport.self, size: 288,
            [
                at(\LeaseReport.stateNumber, "state"), at(\LeaseReport.prefixLength, "prefixLength"),
                at(\LeaseReport.nameServerCount, "nameServerCount"),
                at(\LeaseReport.domainCount, "domainCount"), at(\LeaseReport.leaseTime, "leaseTime"),
                at(\LeaseReport.renewalTime, "renewalTime"),
                at(\LeaseReport.rebindingTime, "rebindingTime"), at(\LeaseReport.secondsLeft, "secondsLeft"),
                at(\LeaseReport.secondsToRenewal, "secondsToRenewal"),
                at(\LeaseReport.secondsToRebinding, "secondsToRebinding"),
                at(\LeaseReport.problemNumber, "problem"), at(\LeaseReport.flawNumber, "flaw"),
                at(\LeaseReport.timeServerCount, "timeServerCount"), at(\LeaseReport.reserved, "reserved"),
                at(\LeaseReport.address, "address"),
                at(\LeaseReport.router, "router"), at(\LeaseReport.server, "server"),
                at(\LeaseReport.nameServers, "nameServers"), at(\LeaseReport.timeServers, "timeServers"),
                at(\LeaseReport.domain, "domain"),
                at(\LeaseReport.flawCount, "flawCount"), at(\LeaseReport.mtu, "mtu"),
            ])
        check(
            NameReport.self, size: 392,
            [
                at(\NameReport.count, "count"), at(\NameReport.nameCount, "nameCount"),
                at(\NameReport.reserved, "reserved"), at(\NameReport.timeToLive, "timeToLive"),
                at(\NameReport.addresses, "addresses"), at(\NameReport.name, "name"),
            ])
    }

    @Test func children() {
        let record = ChildRecord(pid: 0x0102_0304, status: -2, reason: .fault)
        let bytes = unsafe withUnsafeBytes(of: record) { unsafe Array($0) }  // the record's own
        #expect(bytes == [4, 3, 2, 1, 0xfe, 0xff, 0xff, 0xff, 11, 0, 0, 0, 0, 0, 0, 0])
        #expect(record.shellStatus == 139)
        #expect(ChildRecord(pid: 1, status: 3, reason: .exited).shellStatus == 3)
    }

    @Test func reportsTakeNoMoreThanTheyHoldAndTrapNowhere() {
        var name = NameReport()
        for i in 0..<300 {
            name.addAddress(NetworkAddress(ipv4: UInt32(i)))
            name.addNameByte(0x61)
        }
        #expect(name.count == 8 && name.nameCount == 255 && name.address(7).ipv4 == 7)
        #expect(name.address(8) == .none && name.address(-1) == .none && name.nameByte(256) == 0)
        var lease = LeaseReport()
        for i in 0..<150 {
            lease.addTimeServer(NetworkAddress(ipv4: UInt32(i)))
            lease.addNameServer(NetworkAddress(ipv4: UInt32(i)))
            lease.addDomain(0x61)
        }
        #expect(
            lease.nameServerCount == 3 && lease.domainCount == 120 && lease.nameServer(3) == .none
                && lease.domain(120) == 0 && lease.timeServerCount == 2 && lease.timeServer(2) == .none)
    }
}
