// What a network device says of itself: struct virtio_net_config (VirtIO 1.2, section 5.1.4).

struct VirtIONetConfiguration {
    /// Byte offsets.
    private enum Offset {
        static var mac: Int { 0 }
        static var status: Int { 6 }
        static var maxVirtqueuePairs: Int { 8 }
        static var mtu: Int { 10 }
    }
    /// VIRTIO_NET_S_LINK_UP, of `status`.
    private static var linkUp: UInt16 { 1 }

    /// The hardware address, the first byte lowest; without the feature it means nothing.
    private(set) var address: UInt64 = 0
    let isLinkUp: Bool
    let mtu: UInt16

    /// Reads it as of one moment.
    /// - Parameter features: what was agreed on; without theirs the link is up and the MTU 1,500.
    init<Transport: VirtIOTransport>(of transport: Transport, _ features: UInt64) throws(VirtIOError) {
        self = try transport.consistently { VirtIONetConfiguration(momentOf: $0, features) }
    }

    private init<Transport: VirtIOTransport>(momentOf transport: Transport, _ features: UInt64) {
        isLinkUp = features & VirtIONetFeature.status == 0 || Self.isLinkUp(of: transport)
        mtu = features & VirtIONetFeature.mtu != 0 ? transport.configuration16(Offset.mtu) : 1500
        // Byte fields are read as bytes (section 4.2.2.2).
        for i in 0..<6 { address |= UInt64(transport.configuration8(Offset.mac + i)) << UInt64(8 * i) }
    }

    /// Of a device with the status feature.
    static func isLinkUp<Transport: VirtIOTransport>(of transport: Transport) -> Bool {
        transport.configuration16(Offset.status) & linkUp != 0
    }

    /// Pairs of queues of a device with the multiqueue feature; nil when the number is none (section 5.1.4.1).
    static func pairs<Transport: VirtIOTransport>(of transport: Transport) -> Int? {
        let pairs = Int(transport.configuration16(Offset.maxVirtqueuePairs))
        return pairs >= 1 && pairs <= 0x8000 ? pairs : nil
    }
}
