// The stack's tables as the records that programs get. Called under the stack's lock.

import Drivers
import NetStack
import SystemInterface

enum NetworkReports {
    /// Up to 16 bytes of a text, the first one lowest.
    private static func words(_ text: StaticString) -> (UInt64, UInt64) {
        var words: (UInt64, UInt64) = (0, 0)
        for i in 0..<min(16, text.utf8CodeUnitCount) {
            let byte = UInt64(text.utf8Start[i])
            if i < 8 { words.0 |= byte << UInt64(8 * i) } else { words.1 |= byte << UInt64(8 * (i - 8)) }
        }
        return words
    }

    static func interface(_ index: Int, of stack: inout Stack) -> InterfaceReport? {
        guard index < stack.interfaceCount else { return index == stack.interfaceCount ? loopback(stack) : nil }
        return stack.withInterface(index) { interface in
            var report = InterfaceReport()
            report.number = index
            report.name = CardNames.name(index)
            report.spot = CardNames.spot(index)
            report.driver = words(CardNames.driver(index))
            report.hardware = bits(of: interface.hardware)
            report.mtu = UInt64(interface.mtu)
            report.address = interface.address.bits
            report.prefixLength = interface.prefixLength
            report.router = interface.gateway?.bits ?? 0
            report.flags = [.broadcast, .multicast]
            if interface.address != .any { report.flags.insert(.up) }
            if interface.device.isLinkUp { report.flags.insert(.running) }
            if interface.dhcp.isActive { report.flags.insert(.dynamic) }
            report.capabilities = InterfaceReport.Capabilities(rawValue: interface.capabilities.rawValue)
            count(interface.counters, &report)
            report.drops &+= interface.device.framesDropped
            return report
        }
    }

    private static func loopback(_ stack: borrowing Stack) -> InterfaceReport {
        var report = InterfaceReport()
        report.number = Int(RouteReport.loopback)
        report.name = 0x30_6f6c  // lo0
        report.mtu = UInt64(Stack.loopbackMTU)
        report.address = IPv4Address.loopback.bits
        report.prefixLength = 8
        report.flags = [.up, .running, .loopback]
        count(stack.loopbackCounters, &report)
        return report
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
            destination: entry.destination.bits, prefixLength: entry.prefixLength, router: entry.gateway?.bits ?? 0,
            interface: UInt8(truncatingIfNeeded: entry.interface), isStatic: entry.isStatic)
    }

    /// Places are numbered through all interfaces.
    static func neighbour(_ index: Int, of stack: inout Stack) -> NeighbourReport? {
        let interface = index / ARPCache.capacity
        guard let found = stack.withInterface(interface, { $0.neighbours.neighbour(index % ARPCache.capacity) }),
            let neighbour = found
        else { return nil }
        let now = Clock.now
        return NeighbourReport(
            address: neighbour.address.bits, interface: UInt8(truncatingIfNeeded: interface),
            hardware: neighbour.hardware.map { bits(of: $0) },
            secondsLeft: (neighbour.expires - now).seconds)
    }

    static func socket(_ index: Int, of stack: borrowing Stack) -> SocketStatus? {
        guard let socket = stack.socketReport(index) else { return nil }
        var status = SocketStatus(kind: socket.isCapture ? .capture : .datagram, queued: socket.queued)
        status.local = SocketName(socket.local).word
        status.remote = SocketName(socket.remote).word
        status.dropped = socket.dropped
        return status
    }

    static func drops(_ index: Int, of stack: inout Stack) -> DropReport? {
        var report = DropReport()
        let counters = index == stack.interfaceCount ? stack.loopbackCounters : stack.withInterface(index) { $0.counters }
        guard let counters else { return nil }
        for reason in 0..<DropReason.count { report[reason] = DropReason(rawValue: reason).map { counters[$0] } ?? 0 }
        return report
    }

    static func packets(of stack: borrowing Stack) -> PacketReport {
        var report = PacketReport()
        report.total = UInt64(stack.pool.count)
        report.free = UInt64(stack.pool.freeCount)
        report.lowWater = UInt64(stack.pool.lowWater)
        report.failures = UInt64(stack.pool.failures)
        return report
    }

    /// Six bytes, the first one lowest.
    private static func bits(of address: EthernetAddress) -> UInt64 {
        var bits: UInt64 = 0
        for i in 0..<6 { bits |= UInt64(address[i]) << UInt64(8 * i) }
        return bits
    }
}
