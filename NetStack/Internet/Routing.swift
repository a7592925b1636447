// Which way a packet goes, and what an interface's address does to the table.

import Storage

/// Where a packet goes next.
struct Route {
    /// The station that takes the packet.
    enum Hop {
        /// The destination itself.
        case neighbour
        /// The router of this line of the table.
        case line(Int)
        /// One whose Ethernet address is known already: a reply goes back to where the request came from.
        case station(EthernetAddress)
    }

    // In this order the value takes ten bytes, and two registers bring it back.
    let hop: Hop
    let interface: InterfaceID

    @inline(__always)
    init(interface: InterfaceID, hop: Hop) {
        self.hop = hop
        self.interface = interface
    }

    static var loopback: Route { Route(interface: .loopback, hop: .neighbour) }
}

/// Why the route table was not changed.
public enum RouteError: Error, Equatable {
    /// Bits beyond the prefix, a router that is no neighbour's address, no such interface.
    case malformed
    case tableFull, exists, notFound
}

extension NetStack where Device: ~Copyable {
    // MARK: The table

    /// Gives an interface its IPv4 address: the routes that came with the old one go, those to the new network and to
    /// its router come.
    mutating func assign(
        _ i: InterfaceID, _ address: IPv4Address, prefixLength: Int, gateway: IPv4Address?,
        routes given: DHCPRoutes = DHCPRoutes(), isProbed: Bool = true
    ) {
        let interface = interfaces.ref(i.place)
        let old = IPAddress(interface.value.address)
        interface.value.leaseRoutes = given
        if address == .any { interface.value.mtuByLease = nil }
        interface.value.configure(address, prefixLength: prefixLength, gateway: gateway, isProbed: isProbed)
        timers.set(.claim(i), at: interface.value.claim.deadline)
        let keepsStatic = address != .any
        routes.remove { $0.interface == i && !($0.isStatic && keepsStatic) }
        if keepsStatic {
            let prefixLength = interface.value.prefixLength
            let network = IPv4Address(bits: address.bits & ipv4Mask(prefixLength))
            addOwn(RouteEntry(network, prefixLength: prefixLength, interface: i))
            for line in 0..<given.count where given[line].gateway == .any {
                addOwn(RouteEntry(given[line].network, prefixLength: given[line].prefixLength, interface: i))
            }
            for line in 0..<given.count where given[line].gateway != .any {
                addOwn(given[line].network, given[line].prefixLength, by: given[line].gateway, at: i)
            }
            if let gateway { addOwn(.any, 0, by: gateway, at: i) }
        }
        routesChanged()
        guard old != IPAddress(.any), !isOwn(old) else { return }
        sockets.lose(old) { completions.append(.socket($0)) }
        loseConnections(at: old)
    }

    private mutating func addOwn(
        _ network: IPv4Address, _ prefixLength: Int, by gateway: IPv4Address, at i: InterfaceID
    ) {
        // A router outside of the network is a neighbour all the same, by a route of its own.
        if !routes.isDirect(IPAddress(gateway), on: i) { addOwn(RouteEntry(gateway, prefixLength: 32, interface: i)) }
        addOwn(RouteEntry(network, prefixLength: prefixLength, gateway: gateway, interface: i))
    }

    private mutating func addOwn(_ entry: RouteEntry?) {
        if let entry { _ = routes.insert(entry) }
    }

    private mutating func routesChanged() {
        for i in 0..<neighbours.entries.count where neighbours.entries[i].isUsed {
            neighbours.entries[i].isGateway = routes.isGateway(
                neighbours.entries[i].address, on: neighbours.entries[i].interface)
        }
    }

    /// Adds a line by hand. The interface follows from the router when there is one (`::`: none).
    /// - Parameter prefixLength: 0 to 128, as in `RouteEntry`.
    public mutating func addRoute(
        to destination: IPAddress, prefixLength: Int, gateway: IPAddress, interface: InterfaceID?
    ) throws(RouteError) {
        var chosen = interface
        if !gateway.isUnspecified {
            guard gateway.ipv4?.isUnicast == true, !isOwn(gateway), let i = link(to: gateway) else { throw .malformed }
            chosen = chosen ?? i
        }
        guard let i = chosen, isCard(i),
            let entry = RouteEntry(
                destination, prefixLength: prefixLength, gateway: gateway, interface: i, isStatic: true)
        else { throw .malformed }
        guard routes.count < StackLimit.routes else { throw .tableFull }
        guard routes.insert(entry) else { throw .exists }
        routesChanged()
    }

    /// The interface on whose network an address is.
    private func link(to address: IPAddress) -> InterfaceID? {
        for place in 1..<interfaceCount where routes.isDirect(address, on: InterfaceID(place: place)) {
            return InterfaceID(place: place)
        }
        return nil
    }

    /// Takes out the lines for a network; through `interface` only, unless it is nil.
    public mutating func removeRoute(to destination: IPAddress, prefixLength: Int, interface: InterfaceID?)
        throws(RouteError)
    {
        let removed = routes.remove {
            $0.destination == destination && $0.prefixLength == prefixLength && !$0.interface.isLoopback
                && (interface == nil || $0.interface == interface)
        }
        guard removed > 0 else { throw .notFound }
        routesChanged()
    }

    // MARK: Looking

    /// Whether this is one of our own addresses.
    @inline(__always)
    func isOwn(_ address: IPAddress) -> Bool {
        guard let address = address.ipv4 else { return false }
        if address.isLoopback { return true }
        for place in 1..<interfaceCount where interfaces[place].address == address && interfaces[place].hasAddress {
            return true
        }
        return false
    }

    /// The way to a destination: to ourselves, or by the most specific route whose interface has a link; nil when there
    /// is none. The limited broadcast goes out by the first interface that has an address; groups without a route of
    /// their own do too.
    @inline(never)
    func route(to destination: IPAddress) -> Route? {
        if isOwn(destination) { return .loopback }
        if destination.isBroadcast { return firstInterface() }
        let interfaces = interfaces
        let line = routes.find(destination) { !$0.isLoopback && interfaces[$0.place].isUsable }
        guard line >= 0 else { return destination.isMulticast ? firstInterface() : nil }
        let isDirect = destination.isMulticast || routes.gateway(line).isUnspecified
        return Route(interface: routes.interface(line), hop: isDirect ? .neighbour : .line(line))
    }

    /// The way back to the sender of a packet that has arrived: straight to the station that the frame came from, when
    /// that is on the interface that leads to the sender. No neighbour entry is made for it, so a flood of requests
    /// fills no table.
    func route(backTo sender: IPAddress, _ arrival: Arrival) -> Route? {
        guard let route = route(to: sender) else { return nil }
        guard !route.interface.isLoopback, route.interface == arrival.interface, arrival.station.isUnicast else {
            return route
        }
        return Route(interface: route.interface, hop: .station(arrival.station))
    }

    private func firstInterface() -> Route? {
        for place in 1..<interfaceCount where interfaces[place].hasAddress && interfaces[place].isUsable {
            return Route(interface: InterfaceID(place: place), hop: .neighbour)
        }
        return nil
    }

    /// Our IPv4 address on the way there.
    @inline(__always)
    func sourceAddress(for route: Route, to destination: IPv4Address) -> IPv4Address {
        route.interface.isLoopback ? destination : interfaces[route.interface.place].address
    }

    var hasAddresses: Bool {
        for place in 1..<interfaceCount where interfaces[place].hasAddress { return true }
        return false
    }

    /// The most bytes of an IP packet, header included, that this way takes without fragments.
    @inline(__always)
    func mtu(of route: Route, to destination: IPAddress) -> Int {
        let mtu = interfaces[route.interface.place].mtu
        return pathMTUs.isEmpty || route.interface.isLoopback ? mtu : min(mtu, pathMTUs.limit(to: destination))
    }
}
