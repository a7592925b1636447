// Features of a network device (VirtIO 1.2, section 5.1.3), and their names in boot arguments.

/// VIRTIO_NET_F_*, as bits.
public enum VirtIONetFeature {
    /// The device makes checksums of what is sent.
    public static var csum: UInt64 { 1 << 0 }
    /// The device may pass on what has no checksum yet, or say that one is right.
    public static var guestCsum: UInt64 { 1 << 1 }
    public static var mtu: UInt64 { 1 << 3 }
    public static var mac: UInt64 { 1 << 5 }
    /// The device cuts large TCP segments.
    public static var hostTSO4: UInt64 { 1 << 11 }
    public static var hostTSO6: UInt64 { 1 << 12 }
    /// A frame may come in several buffers.
    public static var mergedBuffers: UInt64 { 1 << 15 }
    public static var status: UInt64 { 1 << 16 }
    public static var controlQueue: UInt64 { 1 << 17 }
    /// The control queue takes what is to be received.
    public static var controlReceive: UInt64 { 1 << 18 }
    /// All that the driver can use.
    public static var all: UInt64 {
        csum | guestCsum | mtu | mac | hostTSO4 | hostTSO6 | mergedBuffers | status | controlQueue | controlReceive
            | VirtIOFeature.anyLayout | VirtIOFeature.indirectDescriptors | VirtIOFeature.eventIndex
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
        if name.isText("host_tso6") { return VirtIONetFeature.hostTSO6 }
        if name.isText("mrg_rxbuf") { return VirtIONetFeature.mergedBuffers }
        if name.isText("status") { return VirtIONetFeature.status }
        if name.isText("ctrl_vq") { return VirtIONetFeature.controlQueue }
        if name.isText("any_layout") { return VirtIOFeature.anyLayout }
        if name.isText("indirect_desc") { return VirtIOFeature.indirectDescriptors }
        if name.isText("event_idx") { return VirtIOFeature.eventIndex }
        // Not on virtio-mmio, whose version is fixed: there the device is refused.
        if name.isText("version_1") { return VirtIOFeature.version1 }
        return nil
    }
}
