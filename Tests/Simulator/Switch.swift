// A learning switch: frames to a station that was heard on a port go there, all others to all ports (IEEE 802.1D, 7.7
// and 7.8, without spanning tree).

struct Switch {
    private var portOfAddress: [UInt64: Int] = [:]

    enum Decision: Equatable {
        case port(Int)
        /// To all but where it came from.
        case flood
        /// It came from where it would have to go.
        case none
    }

    /// Learns from a frame that came in on a port, and says where it goes.
    mutating func forward(_ frame: Frame, from port: Int) -> Decision {
        let source = frame.source
        if source >> 40 & 1 == 0, portOfAddress[source] != port { portOfAddress[source] = port }
        guard !frame.isToGroup, let known = portOfAddress[frame.destination] else { return .flood }
        return known == port ? .none : .port(known)
    }
}
