// Features of a network device (VirtIO 1.2, section 5.1.3), and their names in boot arguments.
//
// Left alone on purpose: NOTIFY_ON_EMPTY (bit 24, of legacy devices only; modern ones have it reserved, section 6), by which
// a device interrupts for an empty queue although it was asked for silence: sent frames are collected when there is reason
// to look, and an interrupt for each burst would only cost. HOST_USO, GUEST_USO4 and GUEST_USO6 (bits 56, 54 and 55, VirtIO
// 1.3): nothing here sends trains of datagrams, and a large frame of them would have to be cut again for its sockets.

import Packets

/// VIRTIO_NET_F_*, as bits.
public enum VirtIONetFeature {
    /// The device makes checksums of what is sent.
    public static var csum: UInt64 { 1 << 0 }
    /// The device may pass on what has no checksum yet, or say that one is right.
    public static var guestCsum: UInt64 { 1 << 1 }
    /// The control queue says which receive offloads are on.
    public static var controlGuestOffloads: UInt64 { 1 << 2 }
    public static var mtu: UInt64 { 1 << 3 }
    public static var mac: UInt64 { 1 << 5 }
    /// The device may pass on TCP segments of IPv4 that it put together.
    public static var guestTSO4: UInt64 { 1 << 7 }
    /// The device cuts large TCP segments of IPv4.
    public static var hostTSO4: UInt64 { 1 << 11 }
    /// A frame may come in several buffers.
    public static var mergedBuffers: UInt64 { 1 << 15 }
    public static var status: UInt64 { 1 << 16 }
    public static var controlQueue: UInt64 { 1 << 17 }
    /// The control queue takes what is to be received.
    public static var controlReceive: UInt64 { 1 << 18 }
    /// There are several pairs of queues; the control queue says how many are used (VIRTIO_NET_F_MQ).
    public static var multiqueue: UInt64 { 1 << 22 }
    /// All that the driver can use.
    public static var all: UInt64 {
        csum | guestCsum | controlGuestOffloads | mtu | mac | guestTSO4 | hostTSO4 | mergedBuffers | status
            | controlQueue | controlReceive | multiqueue
            | VirtIOFeature.anyLayout | VirtIOFeature.indirectDescriptors | VirtIOFeature.eventIndex
            | VirtIOFeature.ringPacked | VirtIOFeature.inOrder | VirtIOFeature.ringReset
    }

    /// Those of `features` that may be accepted together (section 5.1.3.1). Large segments are received into merged
    /// buffers only, of a ring that takes the largest.
    /// - Parameter receiveCapacity: entries of the receive queue.
    static func consistent(_ features: UInt64, receiveCapacity: Int) -> UInt64 {
        var features = features
        if features & csum == 0 { features &= ~hostTSO4 }
        let needed = guestCsum | mergedBuffers
        if features & needed != needed || receiveCapacity < leastForLarge { features &= ~guestTSO4 }
        if features & controlQueue == 0 { features &= ~(controlReceive | controlGuestOffloads | multiqueue) }
        return features
    }

    /// Buffers of the longest frame, and as many again for other frames, each perhaps in two descriptors.
    private static var leastForLarge: Int { 4 * (65_536 / Packet.capacity + 1) }
}

extension VirtIONetFeature {
    /// What a device can do when these features were agreed on.
    static func capabilities(of features: UInt64) -> NetworkCapabilities {
        var capabilities = NetworkCapabilities()
        if features & csum != 0 { capabilities.insert(.checksumOut) }
        if features & guestCsum != 0 { capabilities.insert(.checksumIn) }
        if features & hostTSO4 != 0 { capabilities.insert(.segmentation) }
        if features & guestTSO4 != 0 { capabilities.insert(.largeReceive) }
        if features & mergedBuffers != 0 { capabilities.insert(.mergedBuffers) }
        if features & controlReceive != 0 { capabilities.insert(.receiveFilter) }
        capabilities.insert(features & VirtIOFeature.ringPacked != 0 ? .packedRings : .splitRings)
        if features & VirtIOFeature.eventIndex != 0 { capabilities.insert(.eventIndex) }
        if features & VirtIOFeature.indirectDescriptors != 0 { capabilities.insert(.indirectDescriptors) }
        return capabilities
    }

    /// The features that are receive offloads, of a set of these.
    static func receiveOffloads(_ capabilities: NetworkCapabilities) -> UInt64 {
        (capabilities.contains(.checksumIn) ? guestCsum : 0)
            | (capabilities.contains([.checksumIn, .largeReceive]) ? guestTSO4 : 0)
    }
}

/// The names of features in boot arguments, as QEMU has them: `vt-without=csum,event_idx`.
public enum VirtIOFeatureName {
    /// The bits that a name stands for; nil for a name that is none.
    public static func bits(_ name: DeviceTreeBytes) -> UInt64? {
        if name.isText("csum") { return VirtIONetFeature.csum }
        if name.isText("guest_csum") { return VirtIONetFeature.guestCsum }
        if name.isText("mtu") { return VirtIONetFeature.mtu }
        if name.isText("mac") { return VirtIONetFeature.mac }
        if name.isText("host_tso4") { return VirtIONetFeature.hostTSO4 }
        if name.isText("guest_tso4") { return VirtIONetFeature.guestTSO4 }
        if name.isText("ctrl_guest_offloads") { return VirtIONetFeature.controlGuestOffloads }
        if name.isText("mrg_rxbuf") { return VirtIONetFeature.mergedBuffers }
        if name.isText("status") { return VirtIONetFeature.status }
        if name.isText("ctrl_vq") { return VirtIONetFeature.controlQueue }
        if name.isText("mq") { return VirtIONetFeature.multiqueue }
        if name.isText("any_layout") { return VirtIOFeature.anyLayout }
        if name.isText("indirect_desc") { return VirtIOFeature.indirectDescriptors }
        if name.isText("packed") { return VirtIOFeature.ringPacked }
        if name.isText("queue_reset") { return VirtIOFeature.ringReset }
        if name.isText("in_order") { return VirtIOFeature.inOrder }
        if name.isText("event_idx") { return VirtIOFeature.eventIndex }
        // Not on virtio-mmio, whose version is fixed: there the device is refused.
        if name.isText("version_1") { return VirtIOFeature.version1 }
        return nil
    }
}
