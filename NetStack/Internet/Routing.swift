// Which way a packet goes, and what an interface's address does to the table.

/// Where a packet goes next.
enum Route {
    case loopback
    case interface(Int, nextHop: IPv4Address)
}

/// Why the route table was not changed.
public enum RouteError: Error, Equatable {
    /// Bits beyond the prefix, a router that is no neighbour's address, no such interface.
    case malformed
    case tableFull, exists, notFound
}

extension NetStack where Device: ~Copyable {
    // MARK: The table

    /// Gives an interface its address: the routes that came with the old one go, those to the new network and to its router come.
    mutating func assign(_ i: Int, _ address: IPv4Address, prefixLength: Int, gateway: IPv4Address?) {
        table[i].configure(address, prefixLength: prefixLength, gateway: gateway)
        let keepsStatic = address != .any
        routes.remove { $0.interface == i && !($0.isStatic && keepsStatic) }
        guard keepsStatic else { return }
        let network = IPv4Address(bits: address.bits & RouteEntry.mask(table[i].prefixLength))
        if let entry = RouteEntry(network, prefixLength: table[i].prefixLength, interface: i) { _ = routes.insert(entry) }
        if let gateway, let entry = RouteEntry(.any, prefixLength: 0, gateway: gateway, interface: i) { _ = routes.insert(entry) }
    }

    /// Adds a line by hand. The interface follows from the router when there is one.
    public mutating func addRoute(
        to destination: IPv4Address, prefixLength: Int, gateway: IPv4Address?, interface: Int?
    ) throws(RouteError) {
        var chosen = interface
        if let gateway {
            guard gateway.isUnicast, !isOwn(gateway), let i = (0..<interfaceCount).first(where: { table[$0].isDirect(gateway) }) else {
                throw .malformed
            }
            chosen = chosen ?? i
        }
        guard let i = chosen, i >= 0, i < interfaceCount,
            let entry = RouteEntry(destination, prefixLength: prefixLength, gateway: gateway, interface: i, isStatic: true)
        else { throw .malformed }
        guard routes.count < RouteTable.capacity else { throw .tableFull }
        guard routes.insert(entry) else { throw .exists }
    }

    /// Takes out the lines for a network; through `interface` only, unless it is nil.
    public mutating func removeRoute(to destination: IPv4Address, prefixLength: Int, interface: Int?) throws(RouteError) {
        let removed = routes.remove {
            $0.destination == destination && $0.prefixLength == prefixLength && $0.interface >= 0
                && (interface == nil || $0.interface == interface)
        }
        guard removed > 0 else { throw .notFound }
    }

    // MARK: Looking

    /// Whether this is one of our own addresses.
    @inline(__always)
    func isOwn(_ address: IPv4Address) -> Bool {
        if address.isLoopback { return true }
        for i in 0..<interfaceCount where table[i].address == address && table[i].hasAddress { return true }
        return false
    }

    /// The way to a destination: to ourselves, or by the most specific route whose interface has a link; nil when there is none.
    /// The limited broadcast goes out by the first interface that has an address; groups without a route of their own do too.
    @inline(never)
    func route(to destination: IPv4Address) -> Route? {
        if isOwn(destination) { return .loopback }
        if destination.isBroadcast { return firstInterface(for: destination) }
        let table = table
        let best = routes.find(destination) { $0 >= 0 && table[$0].device.isLinkUp }
        if let best {
            let gateway = destination.isMulticast ? nil : best.pointee.gateway
            return .interface(best.pointee.interface, nextHop: gateway ?? destination)
        }
        return destination.isMulticast ? firstInterface(for: destination) : nil
    }

    private func firstInterface(for destination: IPv4Address) -> Route? {
        for i in 0..<interfaceCount where table[i].hasAddress && table[i].device.isLinkUp {
            return .interface(i, nextHop: destination)
        }
        return nil
    }

    /// Our address on the way there.
    func sourceAddress(for route: Route, to destination: IPv4Address) -> IPv4Address {
        switch route {
        case .loopback: destination
        case .interface(let i, _): table[i].address
        }
    }

    var hasAddresses: Bool {
        for i in 0..<interfaceCount where table[i].hasAddress { return true }
        return false
    }

    /// The most bytes of an IPv4 packet, header included, that this way takes without fragments.
    @inline(__always)
    func mtu(of route: Route, to destination: IPv4Address) -> Int {
        switch route {
        case .loopback: Self.loopbackMTU
        case .interface(let i, _):
            pathMTUs.isEmpty ? table[i].mtu : min(table[i].mtu, pathMTUs.limit(to: destination))
        }
    }

    /// As large as a packet that is received at once.
    public static var loopbackMTU: Int { 1500 }
}
