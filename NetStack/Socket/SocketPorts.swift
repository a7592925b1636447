// Which socket has which local address and port, and which one a datagram is for.

import Storage

extension SocketTable {
    /// Gives a socket its local address; port 0 takes a free one of the dynamic ports at random (RFC 6335: 49152 and
    /// up; RFC 6056, 3.3.1).
    mutating func bind(_ i: Int, to wanted: Endpoint, _ random: inout RandomGenerator) throws(SocketError) {
        guard let socket = udp(i), !socket.value.isEcho else { throw .badDestination }
        var local = wanted
        if local.port == 0 {
            local.port = try DynamicPorts.choose(from: UInt16(truncatingIfNeeded: random.number())) {
                isTaken(Endpoint(wanted.address, $0), but: i)
            }
        } else if isTaken(local, but: i) {
            throw .addressInUse
        }
        unbind(i)
        socket.value.local = local
        ports.insert(i, at: local.port)
        groups.add(local.address)
    }

    private func isTaken(_ local: Endpoint, but own: Int) -> Bool {
        var i = ports.first(local.port)
        while i >= 0 {
            let other = udp.ref(i).value.local
            if i != own, other.port == local.port,
                other.address == local.address || other.address.isUnspecified || local.address.isUnspecified,
                udp.ref(i).value.reuse.isDisjoint(with: udp.ref(own).value.reuse)
            {
                return true
            }
            i = ports.next(after: i)
        }
        return false
    }

    mutating func unbind(_ i: Int) {
        guard let socket = udp(i), socket.value.isBound else { return }
        if socket.value.isEcho { return echoes.remove(i, at: socket.value.local.port) }
        ports.remove(i, at: socket.value.local.port)
        groups.remove(socket.value.local.address)
        socket.value.local = .unspecified
    }

    /// The UDP socket for a datagram: connected to its sender, else bound to its destination, else bound to any.
    @inline(__always)
    func find(_ destination: Endpoint, from source: Endpoint) -> Int? {
        var best: Int?
        var bestScore = -1
        var i = ports.first(destination.port)
        while i >= 0 {
            let score = udp.ref(i).value.score(destination, from: source)
            if score > bestScore {
                best = i
                bestScore = score
            }
            i = ports.next(after: i)
        }
        if let best, udp.ref(best).value.reuse.contains(.port) { return spread(bestScore, destination, from: source) }
        return best
    }

    /// Of the sockets that share a port and fit equally, the one for this sender: always the same as long as they are
    /// the same.
    @inline(never)
    private func spread(_ score: Int, _ destination: Endpoint, from source: Endpoint) -> Int? {
        var count: UInt64 = 0
        ports.forEach(destination.port) {
            if udp.ref($0).value.score(destination, from: source) == score { count += 1 }
        }
        var left = source.address.hash(UInt64(source.port)) >> 32 % max(1, count)
        var chosen: Int?
        ports.forEach(destination.port) {
            guard udp.ref($0).value.score(destination, from: source) == score else { return }
            if left == 0, chosen == nil { chosen = $0 }
            left &-= 1
        }
        return chosen
    }

    /// The next of the UDP sockets that a datagram to a group, or to all, is for; the first after nil.
    func next(_ destination: Endpoint, from source: Endpoint, after last: Int?) -> Int? {
        var i = last.map { ports.next(after: $0) } ?? ports.first(destination.port)
        while i >= 0 {
            if udp.ref(i).value.score(destination, from: source) >= 0 { return i }
            i = ports.next(after: i)
        }
        return nil
    }
}
