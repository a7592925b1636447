// The stack's tables as the records that programs get. Called under the stack's lock.

import Drivers
import NetStack
import SystemInterface

enum StackReports {
    /// Up to 16 bytes of a text, the first one lowest.
    private static func words(_ text: StaticString) -> (UInt64, UInt64) {
        var words: (UInt64, UInt64) = (0, 0)
        for i in 0..<min(16, text.utf8CodeUnitCount) {
            let byte = UInt64(unsafe text.utf8Start[i])  // within its own length
            if i < 8 { words.0 |= byte << UInt64(8 * i) } else { words.1 |= byte << UInt64(8 * (i - 8)) }
        }
        return words
    }

    /// By place: the cards, then the loopback.
    private static func id(_ place: Int, _ stack: borrowing Stack) -> InterfaceID {
        place < stack.cardCount ? .card(place) : .loopback
    }

    static func interface(_ place: Int, of stack: inout Stack) -> InterfaceReport? {
        guard place < stack.interfaceCount else { return nil }
        let id = id(place, stack)
        let dropped = stack.withDevice(id) { $0.framesDropped } ?? 0
        let pairs = stack.withDevice(id) { $0.queuePairs } ?? 0
        return stack.withInterface(id) { interface in
            var report = InterfaceReport()
            report.number = id.rawValue
            report.mtu = UInt64(interface.mtu)
            report.greatestMTU = UInt64(interface.greatestMTU)
            report.address = NetworkAddress(interface.address)
            report.prefixLength = UInt8(truncatingIfNeeded: interface.prefixLength)
            if !interface.isDown { report.flags.insert(.up) }
            if interface.isLinkUp { report.flags.insert(.running) }
            if interface.isHeld { report.flags.insert(.held) }
            if interface.dhcp.isActive { report.flags.insert(.dynamic) }
            count(interface.counters, &report)
            report.drops &+= dropped
            guard !id.isLoopback else {
                report.flags.insert(.loopback)
                report.name = 0x30_6f6c  // lo0
                return report
            }
            report.name = CardNames.name(place)
            report.spot = CardNames.spot(place)
            (report.driver0, report.driver8) = words(CardNames.driver(place))
            report.hardware = bits(of: interface.hardware)
            report.router = NetworkAddress(interface.gateway ?? .any)
            report.flags.formUnion([.broadcast, .multicast])
            report.capabilities = InterfaceReport.Capabilities(rawValue: interface.capabilities.rawValue)
            report.queuePairs = UInt32(truncatingIfNeeded: pairs)
            report.cardCapabilities = InterfaceReport.Capabilities(rawValue: interface.cardCapabilities.rawValue)
            return report
        }
    }

    private static func count(_ counters: InterfaceCounters, _ report: inout InterfaceReport) {
        report.packetsIn = counters.packetsIn
        report.packetsOut = counters.packetsOut
        report.bytesIn = counters.bytesIn
        report.bytesOut = counters.bytesOut
        for reason in 0..<DropReason.count { report.drops &+= DropReason(rawValue: reason).map { counters[$0] } ?? 0 }
    }

    static func route(_ index: Int, of stack: borrowing Stack) -> RouteReport? {
        guard let entry = stack.routes[index] else { return nil }
        return RouteReport(
            destination: NetworkAddress(entry.destination), prefixLength: UInt8(truncatingIfNeeded: entry.prefixLength),
            router: NetworkAddress(entry.gateway), interface: entry.interface.rawValue, isStatic: entry.isStatic)
    }

    static func neighbour(_ place: Int, of stack: borrowing Stack) -> NeighbourReport? {
        let now = Clock.now
        guard let neighbour = stack.neighbour(place, now: now) else { return nil }
        return NeighbourReport(
            address: NetworkAddress(neighbour.address), interface: neighbour.interface.rawValue,
            hardware: neighbour.hardware.map { bits(of: $0) } ?? 0,
            state: NeighbourReport.State(rawValue: neighbour.state.rawValue) ?? .incomplete,
            secondsLeft: neighbour.state == .reachable ? UInt32(clamping: (neighbour.reachableUntil - now).seconds) : 0)
    }

    static func socket(_ index: Int, of stack: borrowing Stack) -> SocketStatus? {
        guard let socket = stack.socketReport(index) else { return nil }
        var status = SocketStatus(
            kind: socket.isCapture ? .capture : socket.isEcho ? .echo : .datagram, queued: socket.queued)
        status.local = SocketAddress(socket.local)
        if let peer = socket.peer {
            status.peer = SocketAddress(peer)
            status.isConnected = true
        }
        status.dropped = socket.dropped
        return status
    }

    static func drops(_ index: Int, of stack: inout Stack) -> DropReport? {
        guard index < stack.interfaceCount else { return nil }
        var report = DropReport()
        let id = id(index, stack)
        guard let counters = stack.withInterface(id, { $0.counters }) else { return nil }
        let waiting = stack.fragmentsWaiting(at: id)
        report.delivered = counters.delivered(waiting: waiting)
        report.joined = counters.joined
        report.waiting = UInt64(waiting)
        report.ringsFull = stack.withDevice(id) { $0.ringsFull } ?? 0
        report.lost = stack.withDevice(id) { $0.framesDropped } ?? 0
        for reason in 0..<DropReason.count { report[reason] = DropReason(rawValue: reason).map { counters[$0] } ?? 0 }
        return report
    }

    static func nameServer(_ index: Int, of stack: borrowing Stack) -> NameServerReport? {
        let servers = stack.nameServers
        guard index < servers.count else { return nil }
        return NameServerReport(address: NetworkAddress(servers[index]), isByHand: stack.hasOwnNameServers)
    }

    static func packets(of stack: borrowing Stack) -> PacketReport {
        var report = PacketReport()
        report.total = UInt64(stack.pool.count)
        report.free = UInt64(stack.pool.freeCount)
        report.lowWater = UInt64(stack.pool.lowWater)
        report.failures = UInt64(stack.pool.failures)
        (report.receiving, report.receivingLimit) = use(.receiving, of: stack.pool)
        (report.sending, report.sendingLimit) = use(.sending, of: stack.pool)
        (report.own, report.ownLimit) = use(.own, of: stack.pool)
        return report
    }

    static func memory(of stack: borrowing Stack) -> NetworkMemory {
        let memory = stack.memoryUse()
        var report = NetworkMemory()
        report.packets = inUse(memory.packets)
        (report.receiving.held, report.receiving.limit) = use(.receiving, of: stack.pool)
        (report.sending.held, report.sending.limit) = use(.sending, of: stack.pool)
        (report.own.held, report.own.limit) = use(.own, of: stack.pool)
        report.waiting = inUse(memory.waiting)
        report.fragments = inUse(memory.fragments)
        report.connections = inUse(memory.connections)
        report.halfOpen = inUse(memory.halfOpen)
        report.timeWaits = inUse(memory.timeWaits)
        report.sockets = inUse(memory.sockets)
        report.neighbours = inUse(memory.neighbours)
        report.routes = inUse(memory.routes)
        report.queries = inUse(memory.queries)
        report.sendBytes = UInt64(memory.sendBytes)
        report.receiveBytes = UInt64(memory.receiveBytes)
        report.earlyBytes = UInt64(memory.earlyBytes)
        report.fixedBytes = UInt64(memory.fixedBytes)
        report.grownBytes = UInt64(memory.grownBytes)
        report.greatestBuffer = UInt64(TCPLimit.greatestBuffer)
        for number in 0..<UInt8(memory.states.count) {
            guard let state = StreamReport.State(rawValue: number) else { continue }
            report[state] = UInt64(memory.states[Int(number)])
        }
        return report
    }

    private static func inUse(_ share: StackShare) -> ShareInUse {
        ShareInUse(UInt64(share.held), of: UInt64(share.limit))
    }

    private static func use(_ share: PacketShare, of pool: PacketPool) -> (UInt64, UInt64) {
        (UInt64(pool.held(share)), UInt64(pool.limit(share)))
    }

    /// Six bytes, the first one lowest.
    static func bits(of address: EthernetAddress) -> UInt64 {
        var bits: UInt64 = 0
        for i in 0..<6 { bits |= UInt64(address[i]) << UInt64(8 * i) }
        return bits
    }
}
