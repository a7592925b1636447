// The VirtIO network device (VirtIO 1.2, section 5.1): one receive, one transmit, and perhaps a control queue.
//
// Promise: packets are never copied; what the device holds is owned here and is freed when the device is done with it,
// or with the driver. The receive ring is kept filled as far as the pool allows. Lengths and ids from the device are
// checked. Used under a lock, by threads only: the interrupt handler masks the source and wakes the thread that calls
// `reclaim`.
//
// VirtIONetReceive, VirtIONetTransmit, VirtIONetHeader, VirtIONetControl and VirtIONetRecovery have the parts; this file
// starts and ends the device.

import Packets
import Storage

/// Counted faults, beside those that the queues count.
public struct VirtIONetCounters {
    /// Frames too short or of a length that the buffer cannot hold.
    public var badLengths: UInt64 = 0
    /// Frames in several buffers that together were more than the link's longest frame, or the longest segment.
    public var tooLarge: UInt64 = 0
    /// Frames with a segmentation that was not agreed on.
    public var badHeaders: UInt64 = 0
    /// Queues that were reset alone, and times that the device was reset and brought back.
    public var queueResets: UInt64 = 0
    public var restarts: UInt64 = 0
    /// Times all buffers were found to be used: the device may have dropped frames for want of more.
    public var fullRings: UInt64 = 0
    /// Times the receive ring could not be filled because the pool was empty.
    public var emptyPool: UInt64 = 0
    /// Notifications given: each is a trip to the device.
    public var kicks: UInt64 = 0
}

/// How a frame and the header before it become descriptors.
struct VirtIONetLayout<Memory: DMA> {
    /// Bytes of virtio_net_hdr in front of a frame.
    let headerLength: Int
    /// 2 when header and frame want a descriptor each: a legacy device without ANY_LAYOUT.
    let descriptorsPerPacket: UInt16

    /// Appends a buffer that begins with the header.
    func append<Queue: Virtqueue & ~Copyable>(
        _ buffer: DMABuffer<Memory>, _ direction: DMADirection, to chain: inout VirtqueueChain, of queue: inout Queue
    ) {
        buffer.giveToDevice(direction)
        let header = descriptorsPerPacket == 1 ? 0 : headerLength
        if header > 0 { queue.append(buffer.deviceAddress, byteCount: UInt32(header), direction, to: &chain) }
        queue.append(
            buffer.deviceAddress + UInt64(header), byteCount: UInt32(truncatingIfNeeded: buffer.byteCount &- header),
            direction, to: &chain)
    }
}

public struct VirtIONet<Transport: VirtIOTransport, Queue: Virtqueue & ~Copyable>: ~Copyable {
    public typealias Memory = Queue.Memory

    /// Queue numbers (section 5.1.2).
    static var receiveIndex: UInt16 { 0 }
    static var transmitIndex: UInt16 { 1 }
    private static var controlIndex: UInt16 { 2 }

    let transport: Transport
    let memory: Memory
    let pool: PacketPool
    var receiveQueue: Queue
    var transmitQueue: Queue
    /// What the device holds, by first descriptor.
    let received: RingTable<Packet?>
    let sent: RingTable<LentPacket?>
    let layout: VirtIONetLayout<Memory>
    /// Buffers that the device has for receiving, and how many it should have.
    var posted = 0
    var wanted: Int
    /// As many as the ring has room for.
    let mostWanted: Int
    /// The device may interrupt for frames that it has sent.
    var awaitsRoom = false
    /// Frames were submitted since the last notification.
    var hasUnkicked = false
    /// The device may interrupt.
    var isArmed = true
    /// Where there is a control queue.
    let control: Ref<VirtIONetControl<Queue>>?
    /// The control queue has something under way.
    var hasOrders = false

    public let hardwareAddress: EthernetAddress
    public internal(set) var isLinkUp: Bool
    public let mtu: Int
    public let capabilities: NetworkCapabilities
    let mergesBuffers: Bool
    /// What both sides agreed on, `VirtIONetFeature` and `VirtIOFeature`.
    public let features: UInt64
    public internal(set) var counters = VirtIONetCounters()
    /// The device was given up: it is silent, and takes and gives nothing until it is brought back.
    public internal(set) var isBroken = false
    var recovery = VirtIONetRecovery()
    /// When it was last looked at whether the device works.
    var checkedAt: UInt64 = 0
    static var checkInterval: UInt64 { 1_000_000_000 }
    /// An IP datagram has no more bytes.
    static var greatestMTU: Int { 65_535 }

    /// Brings the device up and fills its receive ring.
    /// - Parameters:
    ///   - pool: in memory that `memory` can reach; enough for `receiveBuffers` and what is on its way out.
    ///   - receiveBuffers: how many packets may wait in the device.
    ///   - features: those to be used where the device offers them, `VirtIONetFeature`.
    ///   - random: makes a hardware address where the device has none.
    public init(
        _ transport: Transport, in memory: Memory, pool: PacketPool, receiveBuffers: Int = 128,
        wanted features: UInt64 = VirtIONetFeature.all, random: UInt64
    ) throws(VirtIOError) {
        let features = try transport.negotiate(
            VirtIODeviceType.network, wanted: Queue.wanted(features), required: Queue.features
        ) {
            VirtIONetFeature.consistent($0, receiveCapacity: Int(transport.queueCapacity(Self.receiveIndex)))
        }
        let needsOwnHeader = transport.isLegacy && features & VirtIOFeature.anyLayout == 0
        let hasIndirect = features & VirtIOFeature.indirectDescriptors != 0
        var options = VirtqueueOptions(features)
        if hasIndirect, needsOwnHeader { options.indirectCapacity = 2 }  // header and buffer
        let receiveQueue = try Queue(Self.receiveIndex, of: transport, in: memory, options: options)
        if hasIndirect { options.indirectCapacity = 2 }  // header and frame, or a frame in two parts
        let transmitQueue = try Queue(Self.transmitIndex, of: transport, in: memory, options: options)
        let hasControl =
            features & (VirtIONetFeature.controlReceive | VirtIONetFeature.controlGuestOffloads) != 0
        let control = hasControl ? try Self.makeControl(transport, memory, features) : nil
        guard let received = RingTable<Packet?>(entries: Int(receiveQueue.size), in: memory, { nil }),
            let sent = RingTable<LentPacket?>(entries: Int(transmitQueue.size), in: memory, { nil })
        else { throw transport.refuse(.noMemory) }
        let configuration = try VirtIONetConfiguration(of: transport, features)
        try transport.goLive()

        // A local: an autoclosure over a half-made noncopyable self destroys its fields twice (Swift 6.3.1).
        let mergesBuffers = features & VirtIONetFeature.mergedBuffers != 0
        layout = VirtIONetLayout(
            headerLength: VirtIONetHeader.byteCount(isLegacy: transport.isLegacy, mergesBuffers: mergesBuffers),
            descriptorsPerPacket: needsOwnHeader ? 2 : 1)
        mostWanted = max(1, Int(receiveQueue.size) / Int(receiveQueue.placesNeeded(needsOwnHeader ? 2 : 1)))
        wanted = max(1, min(receiveBuffers, mostWanted))
        self.mergesBuffers = mergesBuffers
        self.features = features
        // RFC 791: every link takes 68 bytes. A frame larger than a buffer comes only where the device spreads it over
        // several.
        let greatestMTU = mergesBuffers ? Self.greatestMTU : Packet.capacity - EthernetFrame.headerByteCount
        mtu = max(68, min(Int(configuration.mtu), greatestMTU))
        capabilities = VirtIONetFeature.capabilities(of: features)
        isLinkUp = configuration.isLinkUp
        hardwareAddress =
            features & VirtIONetFeature.mac != 0 ? EthernetAddress(bits: configuration.address) : .random(random)
        self.received = received
        self.sent = sent
        self.transport = transport
        self.memory = memory
        self.pool = pool
        self.control = control
        self.receiveQueue = receiveQueue
        self.transmitQueue = transmitQueue
        self.transmitQueue.maskInterrupts()  // sent packets are collected when there is reason to look
        refill()
    }

    deinit {
        transport.status = 0  // the device lets go of all buffers
        for i in 0..<receiveQueue.size { received[i] = nil }
        for i in 0..<transmitQueue.size { sent[i] = nil }
    }

    private static func makeControl(
        _ transport: Transport, _ memory: Memory, _ features: UInt64
    ) throws(VirtIOError) -> Ref<VirtIONetControl<Queue>> {
        // Fresh memory of its size, initialised before its handle is made.
        guard let place = unsafe memory.allocate(byteCount: MemoryLayout<VirtIONetControl<Queue>>.stride) else {
            throw transport.refuse(.noMemory)
        }
        let pointer = unsafe place.bindMemory(to: VirtIONetControl<Queue>.self, capacity: 1)
        unsafe pointer.initialize(
            to: try VirtIONetControl(
                Self.controlIndex, of: transport, in: memory, features: features))
        return unsafe Ref(unsafe: pointer)  // never given back: the memory was allocated for ever
    }

    /// Asks the device for silence, and for the cause of its interrupt, if there was one.
    private mutating func silence(_ now: UInt64) {
        isArmed = false
        receiveQueue.maskInterrupts()
        if transport.acknowledgeInterrupt().contains(.configuration) {
            if features & VirtIONetFeature.status != 0 {
                isLinkUp = VirtIONetConfiguration.isLinkUp(of: transport)
            }
            checkDevice(now)
        } else if now &- checkedAt >= Self.checkInterval {
            checkDevice(now)
        }
    }

    /// Used elements of a false id.
    public var badUsedIDs: Int { receiveQueue.badUsedIDs + transmitQueue.badUsedIDs }
}

extension VirtIONet: NetworkDevice where Queue: ~Copyable {
    public var ringsFull: UInt64 { counters.fullRings }
    public var framesDropped: UInt64 { counters.badLengths &+ counters.tooLarge &+ counters.badHeaders }

    /// A device without buffers does not interrupt: look again in 10 ms. An interrupt that was lost costs a second. Each
    /// second it is looked at whether one that was given up may be brought back.
    public var patience: UInt64 { isBroken ? Self.checkInterval : posted == 0 ? 10_000_000 : Self.checkInterval }

    @inline(__always)
    public mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? { submit(frame) }

    @inline(__always)
    public mutating func flush() {
        guard hasUnkicked else { return }
        hasUnkicked = false
        counters.kicks &+= 1
        transmitQueue.kick(transport)
    }

    @inline(__always)
    public mutating func receive() -> Packet? { takeReceived() }

    // Never inlined, as `takeReceived`.
    @inline(never)
    public mutating func reclaim(now: UInt64) {
        if isArmed { silence(now) }
        if isBroken, !bringBack(now) { return }
        if hasOrders { workOnOrders() }
        if awaitsRoom {
            awaitsRoom = false
            transmitQueue.maskInterrupts()
        }
        collectSent()
        refill()
    }

    /// More are given to the device at once; fewer are what it has when it has used some.
    public mutating func receive(intoAtMost buffers: Int) {
        wanted = max(1, min(buffers, mostWanted))
        if !isBroken { refill() }
    }

    public mutating func receive(with offloads: NetworkCapabilities) -> Bool {
        guard features & VirtIONetFeature.controlGuestOffloads != 0, let control else { return false }
        control.value.note(VirtIONetFeature.receiveOffloads(offloads) & features)
        workOnOrders()
        return true
    }

    /// Without the control queue the device lets everything through.
    public mutating func accept(_ filter: ReceiveFilter) {
        guard features & VirtIONetFeature.controlReceive != 0 else { return }
        control?.value.note(filter)
        workOnOrders()
    }

    /// A device that was given up is told when it is back.
    private mutating func workOnOrders() { if !isBroken { hasOrders = control?.value.work(transport) ?? false } }

    @inline(__always)
    public mutating func rearm() -> Bool {
        guard !isBroken else { return false }
        isArmed = true
        return receiveQueue.unmaskInterrupts(after: 0)
    }
}
