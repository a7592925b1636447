// The neighbours, as the stack's callers see and change them.

extension NetStack where Device: ~Copyable {
    /// The neighbour at a place from 0 up to `StackLimit.neighbours`; nil when the place is free.
    public func neighbour(_ place: Int, now: Instant) -> Neighbour? { neighbours.neighbour(place, now: now) }

    /// Forgets a neighbour on each interface; it is asked for anew. False when it was not known.
    public mutating func forgetNeighbour(_ address: IPAddress) -> Bool {
        var isGone = false
        for i in 1..<interfaceCount {
            guard let entry = neighbours.find(address, on: InterfaceID(place: i)) else { continue }
            neighbours.remove(entry, &timers)
            isGone = true
        }
        return isGone
    }

    /// Makes a neighbour known by hand: it is not asked for, and not forgotten.
    /// - Returns: false when there is no way to it without a router, or no room.
    public mutating func addNeighbour(_ address: IPAddress, _ hardware: EthernetAddress, now: Instant) -> Bool {
        guard hardware.isUnicast, !isOwn(address), let route = route(to: address), case .neighbour = route.hop,
            !route.interface.isLoopback
        else { return false }
        let i = route.interface
        guard
            let entry = neighbours.makePermanent(
                address, hardware, on: i, isGateway: routes.isGateway(address, on: i), now: now, &timers)
        else { return false }
        sendWaiting(entry, at: i, now: now)
        flush()
        return true
    }
}
