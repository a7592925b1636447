// How a packet came in.

/// What the link says of a packet that has arrived.
struct Arrival {
    /// The station whose frame brought it; zero from the loopback.
    let station: EthernetAddress
    let interface: InterfaceID
    /// The frame, or (once the IP header was looked at) the packet, went to others too.
    var isToGroup: Bool
    /// Its destination address is not ours: only the DHCP client may want it.
    var isUnclaimed = false

    @inline(__always)
    init(station: EthernetAddress, interface: InterfaceID, isToGroup: Bool) {
        self.station = station
        self.interface = interface
        self.isToGroup = isToGroup
    }
}
