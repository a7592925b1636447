// The VirtIO network device (VirtIO 1.2, section 5.1): one receive and one transmit queue.
//
// Promise: packets are never copied; what the device holds is owned here and comes back when it is done, or is dropped with the driver. The
// receive ring is kept filled as far as the pool allows. Transmit interrupts are off: sent packets are collected when there is
// reason to look. Lengths and ids from the device are checked. Used under a lock; an interrupt handler has no business here: it keeps
// the source quiet and wakes the thread that calls `reclaim`.

import Packets

/// Counted trouble, beside what the queues count.
public struct VirtIONetCounters {
    /// Frames too short or of a length that the buffer cannot hold.
    public var badLengths: UInt64 = 0
    /// Frames in several buffers that together were more than a packet holds.
    public var tooLarge: UInt64 = 0
    /// Times the receive ring could not be filled because the pool was empty.
    public var emptyPool: UInt64 = 0
    /// Notifications given: each is a trip to the device.
    public var kicks: UInt64 = 0
}

/// How a frame and the header before it become descriptors.
struct VirtIONetLayout<Memory: DMA> {
    let memory: Memory
    /// Bytes of virtio_net_hdr in front of a frame: 12, on a legacy device without merged buffers 10.
    let headerLength: Int
    /// 2 when header and frame want a descriptor each: a legacy device without ANY_LAYOUT.
    let descriptorsPerPacket: UInt16

    @inline(__always)
    func append(
        _ header: UnsafeMutableRawPointer, frameCount: Int, _ direction: DMADirection,
        to chain: inout VirtqueueChain, of queue: inout Virtqueue<Memory>
    ) {
        memory.giveToDevice(header, byteCount: headerLength + frameCount, direction)
        let address = memory.deviceAddress(of: header)
        if descriptorsPerPacket == 1 {
            queue.append(address, byteCount: UInt32(truncatingIfNeeded: headerLength + frameCount), direction, to: &chain)
        } else {
            queue.append(address, byteCount: UInt32(truncatingIfNeeded: headerLength), direction, to: &chain)
            queue.append(
                address + UInt64(headerLength), byteCount: UInt32(truncatingIfNeeded: frameCount), direction, to: &chain)
        }
    }
}

public struct VirtIONet<Transport: VirtIOTransport, Memory: DMA>: ~Copyable {
    /// Feature bits (section 5.1.3).
    public enum Feature {
        /// The device makes checksums of what is sent; it may pass on what has none yet, or say that one is right.
        public static var csum: UInt64 { 1 << 0 }
        public static var guestCsum: UInt64 { 1 << 1 }
        public static var mtu: UInt64 { 1 << 3 }
        public static var mac: UInt64 { 1 << 5 }
        /// A frame may come in several buffers.
        public static var mergedBuffers: UInt64 { 1 << 15 }
        public static var status: UInt64 { 1 << 16 }
        public static var controlQueue: UInt64 { 1 << 17 }
        /// The control queue takes what is to be received.
        public static var controlReceive: UInt64 { 1 << 18 }
        /// All that this driver knows what to do with.
        public static var all: UInt64 {
            csum | guestCsum | mtu | mac | mergedBuffers | status | controlQueue | controlReceive | VirtIOFeature.anyLayout
                | VirtIOFeature.indirectDescriptors | VirtIOFeature.eventIndex
        }
    }
    /// Flags of struct virtio_net_hdr (section 5.1.6).
    private enum HeaderFlag {
        static var needsChecksum: UInt8 { 1 }
        static var dataValid: UInt8 { 2 }
    }
    static var receiveIndex: UInt16 { 0 }
    static var transmitIndex: UInt16 { 1 }
    static var controlIndex: UInt16 { 2 }

    let transport: Transport
    let memory: Memory
    let pool: PacketPool
    var receiveQueue: Virtqueue<Memory>
    var transmitQueue: Virtqueue<Memory>
    /// What the device holds, by first descriptor.
    let received: UnsafeMutablePointer<Packet?>
    let sent: UnsafeMutablePointer<Packet?>
    let layout: VirtIONetLayout<Memory>
    /// Buffers that the device has for receiving, and how many it should have.
    var posted = 0
    let wanted: Int
    var hasUnkicked = false
    /// The device may interrupt.
    var isArmed = true
    /// In memory of its own, where there is a control queue.
    let control: UnsafeMutablePointer<VirtIONetControl<Memory>>?
    /// The control queue has something under way.
    var hasOrders = false

    public let hardwareAddress: EthernetAddress
    public private(set) var isLinkUp: Bool
    public let mtu: Int
    public let capabilities: NetworkCapabilities
    let hasStatus: Bool
    let mergesBuffers: Bool
    /// What both sides agreed on, `Feature` and `VirtIOFeature`.
    public let features: UInt64
    public private(set) var counters = VirtIONetCounters()
    var hasReportedTrouble = false
    /// The device was given up: it is silent, and takes and gives nothing.
    public private(set) var isBroken = false
    /// When it was last looked at whether the device works.
    private var checkedAt: UInt64 = 0
    private static var checkInterval: UInt64 { 1_000_000_000 }
    /// Each false id is a buffer that the device has and never gives back.
    private static var badIDLimit: Int { 16 }

    /// Brings the device up and fills its receive ring.
    /// - Parameters:
    ///   - pool: in memory that `memory` can reach; enough for `receiveBuffers` and what is on its way out.
    ///   - receiveBuffers: how many packets may wait in the device.
    ///   - wanted: features to be used where the device offers them, `Feature`.
    ///   - random: makes a hardware address where the device has none.
    public init(
        _ transport: Transport, in memory: Memory, pool: PacketPool, receiveBuffers: Int = 128, wanted features: UInt64 = Feature.all,
        random: UInt64
    ) throws(VirtIOError) {
        let features = try transport.negotiate(VirtIODeviceType.network, wanted: features)
        var options = VirtqueueOptions()
        options.usesEventIndex = features & VirtIOFeature.eventIndex != 0
        if features & VirtIOFeature.indirectDescriptors != 0 { options.indirectCapacity = 2 }  // header and frame
        let receiveQueue = try Virtqueue(Self.receiveIndex, of: transport, in: memory, options: options)
        let transmitQueue = try Virtqueue(Self.transmitIndex, of: transport, in: memory, options: options)
        let hasControl = features & Feature.controlQueue != 0 && features & Feature.controlReceive != 0
        let control = hasControl ? try Self.makeControl(transport, memory, options) : nil
        guard let received = memory.allocate(byteCount: 8 * Int(receiveQueue.size)),
            let sent = memory.allocate(byteCount: 8 * Int(transmitQueue.size))
        else { throw transport.refuse(.noMemory) }
        let configuration: (low: UInt32, high: UInt16, status: UInt16, mtu: UInt16) = try transport.consistently { device in
            // Byte fields are read as bytes (section 4.2.2.2).
            var low: UInt32 = 0
            for i in 0..<4 { low |= UInt32(device.configuration8(i)) << UInt32(8 * i) }
            let high = UInt16(device.configuration8(4)) | UInt16(device.configuration8(5)) << 8
            return (
                low, high, features & Feature.status != 0 ? device.configuration16(6) : 1,
                features & Feature.mtu != 0 ? device.configuration16(10) : 1500
            )
        }
        try transport.goLive()

        let needsOwnHeader = transport.isLegacy && features & VirtIOFeature.anyLayout == 0
        // A local: an autoclosure over a half-made noncopyable self destroys its fields twice (Swift 6.3.1).
        let mergesBuffers = features & Feature.mergedBuffers != 0
        layout = VirtIONetLayout(
            memory: memory, headerLength: transport.isLegacy && !mergesBuffers ? 10 : 12, descriptorsPerPacket: needsOwnHeader ? 2 : 1)
        wanted = max(1, min(receiveBuffers, Int(receiveQueue.size) / Int(receiveQueue.placesNeeded(needsOwnHeader ? 2 : 1))))
        self.mergesBuffers = mergesBuffers
        self.features = features
        hasStatus = features & Feature.status != 0
        // RFC 791: every link takes 68 bytes. A greater MTU than our buffers hold is not used.
        mtu = max(68, min(Int(configuration.mtu), Packet.capacity - EthernetFrame.headerByteCount))
        var capabilities = NetworkCapabilities()
        if features & Feature.csum != 0 { capabilities.insert(.checksumOut) }
        if features & Feature.guestCsum != 0 { capabilities.insert(.checksumIn) }
        if mergesBuffers { capabilities.insert(.mergedBuffers) }
        if control != nil { capabilities.insert(.receiveFilter) }
        if options.usesEventIndex { capabilities.insert(.eventIndex) }
        if options.indirectCapacity != 0 { capabilities.insert(.indirectDescriptors) }
        self.capabilities = capabilities
        isLinkUp = configuration.status & 1 != 0
        let a = configuration.low, b = configuration.high
        hardwareAddress =
            features & Feature.mac != 0
            ? EthernetAddress(
                UInt8(a & 255), UInt8(a >> 8 & 255), UInt8(a >> 16 & 255), UInt8(a >> 24), UInt8(b & 255), UInt8(b >> 8))
            : .random(random)
        self.received = received.bindMemory(to: Packet?.self, capacity: Int(receiveQueue.size))
        self.sent = sent.bindMemory(to: Packet?.self, capacity: Int(transmitQueue.size))
        for i in 0..<Int(receiveQueue.size) { (self.received + i).initialize(to: nil) }
        for i in 0..<Int(transmitQueue.size) { (self.sent + i).initialize(to: nil) }
        self.transport = transport
        self.memory = memory
        self.pool = pool
        self.control = control
        self.receiveQueue = receiveQueue
        self.transmitQueue = transmitQueue
        self.transmitQueue.maskInterrupts()
        refill()
    }

    deinit {
        transport.status = 0  // the device lets go of all buffers
        for i in 0..<Int(receiveQueue.size) { received[i] = nil }
        for i in 0..<Int(transmitQueue.size) { sent[i] = nil }
        if let control { _ = control.move() }
    }

    private static func makeControl(
        _ transport: Transport, _ memory: Memory, _ options: VirtqueueOptions
    ) throws(VirtIOError) -> UnsafeMutablePointer<VirtIONetControl<Memory>> {
        guard let place = memory.allocate(byteCount: MemoryLayout<VirtIONetControl<Memory>>.stride) else { throw transport.refuse(.noMemory) }
        let pointer = place.bindMemory(to: VirtIONetControl<Memory>.self, capacity: 1)
        pointer.initialize(
            to: try VirtIONetControl(Self.controlIndex, of: transport, in: memory, usesEventIndex: options.usesEventIndex))
        return pointer
    }

    /// Asks the device for silence, and looks why it interrupted, if it did.
    private mutating func silence(_ now: UInt64) {
        isArmed = false
        receiveQueue.maskInterrupts()
        if transport.acknowledgeInterrupt().contains(.configuration) {
            if hasStatus { isLinkUp = transport.configuration16(6) & 1 != 0 }
            checkDevice(now)
        } else if now &- checkedAt >= Self.checkInterval {
            checkDevice(now)
        }
    }

    /// Whether the device still works, and keeps the rules; else it is given up.
    @inline(never)
    private mutating func checkDevice(_ now: UInt64) {
        checkedAt = now
        if !transport.isLive || badUsedIDs > Self.badIDLimit || receiveQueue.isBroken || transmitQueue.isBroken { giveUp() }
    }

    /// Resets the device, for good, and takes back what it holds: unless it does not finish the reset, and might still write there.
    @inline(never)
    mutating func giveUp() {
        guard !isBroken else { return }
        isBroken = true
        isLinkUp = false
        receiveQueue.breakOff()
        transmitQueue.breakOff()
        guard transport.reset() else { return }
        for i in 0..<Int(receiveQueue.size) { received[i] = nil }
        for i in 0..<Int(transmitQueue.size) { sent[i] = nil }
        posted = 0
    }

    /// Counted misbehaviour of the device.
    public var badUsedIDs: Int { receiveQueue.badUsedIDs + transmitQueue.badUsedIDs }

    /// Gives the device buffers to receive into, as many as it lacks.
    mutating func refill() {
        guard posted < wanted else { return }
        var didPost = false
        while posted < wanted {
            guard let packet = pool.take() else {
                counters.emptyPool += 1
                break
            }
            guard post(packet) else { break }
            didPost = true
        }
        if didPost { kick(transmit: false) }
    }

    private mutating func post(_ packet: consuming Packet) -> Bool {
        let layout = layout
        guard var chain = receiveQueue.startChain(count: layout.descriptorsPerPacket) else { return false }
        let header = packet.firstByte - layout.headerLength
        layout.append(header, frameCount: Packet.capacity, .deviceWrites, to: &chain, of: &receiveQueue)
        received[Int(chain.head)] = consume packet
        receiveQueue.submit(chain)
        posted += 1
        return true
    }

    private mutating func kick(transmit: Bool) {
        counters.kicks &+= 1
        if transmit { transmitQueue.kick(transport) } else { receiveQueue.kick(transport) }
    }

    /// Frees what the device has sent. Lengths of a transmit queue mean nothing (section 2.7.8.2) and are not looked at.
    @inline(never)
    private mutating func collectSent() {
        while let used = transmitQueue.popUsed() { sent[Int(used.head)] = nil }
        if transmitQueue.isBroken { giveUp() }
    }
}

extension VirtIONet: NetworkDevice {
    /// A device without buffers does not interrupt: look again in 10 ms. An interrupt that was lost costs a second.
    public var patience: UInt64 { isBroken ? .max : posted == 0 ? 10_000_000 : Self.checkInterval }

    @inline(__always)
    public mutating func transmit(_ frame: consuming Packet) -> Packet? {
        let layout = layout
        if transmitQueue.freeCount < transmitQueue.placesNeeded(layout.descriptorsPerPacket) { collectSent() }
        let frameCount = frame.count
        guard frameCount <= Packet.capacity, frame.headroom >= layout.headerLength,
            var chain = transmitQueue.startChain(count: layout.descriptorsPerPacket)
        else { return frame }
        let header = frame.firstByte - layout.headerLength
        // struct virtio_net_hdr: no segmentation; flags at 0, csum_start at 6, csum_offset at 8. Safe: the headroom was looked at.
        var first: UInt64 = 0
        var last: UInt32 = 0
        if let checksum = frame.checksumRequest {
            first = UInt64(HeaderFlag.needsChecksum) | UInt64(UInt16(truncatingIfNeeded: checksum.start)) << 48
            last = UInt32(UInt16(truncatingIfNeeded: checksum.offset))
        }
        header.storeBytes(of: first.littleEndian, as: UInt64.self)
        if layout.headerLength == 12 {
            header.storeBytes(of: last.littleEndian, toByteOffset: 8, as: UInt32.self)
        } else {
            header.storeBytes(of: UInt16(truncatingIfNeeded: last).littleEndian, toByteOffset: 8, as: UInt16.self)
        }
        layout.append(header, frameCount: frameCount, .deviceReads, to: &chain, of: &transmitQueue)
        sent[Int(chain.head)] = consume frame
        transmitQueue.submit(chain)
        hasUnkicked = true
        return nil
    }

    @inline(__always)
    public mutating func flush() {
        guard hasUnkicked else { return }
        hasUnkicked = false
        kick(transmit: true)
    }

    @inline(__always)
    public mutating func receive() -> Packet? {
        while let used = receiveQueue.popUsed() {
            posted -= 1
            guard var packet = received[Int(used.head)].take() else { continue }
            let length = Int(used.length)
            memory.takeFromDevice(packet.firstByte - layout.headerLength, byteCount: length, .deviceWrites)
            guard !used.isLengthFalse, length >= layout.headerLength + EthernetFrame.headerByteCount,
                packet.resize(to: length - layout.headerLength)
            else {
                counters.badLengths += 1
                continue
            }
            if mergesBuffers {
                let buffers = (packet.firstByte - 2).load(as: UInt16.self)  // num_buffers; 0 from devices that never wrote it
                if buffers > 1, !gather(Int(buffers) - 1, into: &packet) { continue }
            }
            if capabilities.contains(.checksumIn) {
                // Without a checksum yet, it comes from another guest or the host itself and never was on a wire.
                let flags = (packet.firstByte - layout.headerLength).load(as: UInt8.self)
                packet.isChecksumVerified = flags & (HeaderFlag.needsChecksum | HeaderFlag.dataValid) != 0
            }
            return packet
        }
        if receiveQueue.isBroken { giveUp() }
        return nil
    }

    /// Takes the rest of a frame that came in several buffers; false, and counted, when it is not there or too much.
    @inline(never)
    private mutating func gather(_ count: Int, into packet: inout Packet) -> Bool {
        var fits = true
        for _ in 0..<count {
            guard let used = receiveQueue.popUsed() else {
                counters.badLengths += 1
                return false
            }
            posted -= 1
            guard let part = received[Int(used.head)].take() else { continue }
            // Continuation buffers hold frame bytes from where the first one has its header (section 5.1.6.4).
            let start = part.firstByte - layout.headerLength
            let length = Int(used.length), end = packet.count
            memory.takeFromDevice(start, byteCount: length, .deviceWrites)
            guard !used.isLengthFalse, fits, packet.resize(to: end + length) else {
                fits = false
                continue
            }
            (packet.firstByte + end).copyMemory(from: start, byteCount: length)
        }
        if !fits { counters.tooLarge += 1 }
        return fits
    }

    @inline(__always)
    public mutating func reclaim(now: UInt64) {
        if isArmed { silence(now) }
        if isBroken { return }
        if hasOrders { hasOrders = control?.pointee.work(transport) ?? false }
        collectSent()
        refill()
    }

    /// Without the control queue the device lets everything through.
    public mutating func accept(_ filter: ReceiveFilter) {
        guard !isBroken else { return }
        hasOrders = control?.pointee.accept(filter, transport) ?? false
    }

    @inline(__always)
    public mutating func rearm() -> Bool {
        guard !isBroken else { return false }
        isArmed = true
        return receiveQueue.unmaskInterrupts()
    }
}
