// The VirtIO network device (VirtIO 1.2, section 5.1): one receive and one transmit queue, or several pairs of them, and
// perhaps a control queue.
//
// Promise: packets are never copied; what the device holds is owned here and is freed when the device is done with it,
// or with the driver. The receive ring is kept filled as far as the pool allows. Lengths and ids from the device are
// checked. Used under a lock, by threads only: the interrupt handler masks the source and wakes the thread that calls
// `reclaim`.
//
// VirtIONetDevice, VirtIONetPair, VirtIONetReceive, VirtIONetTransmit, VirtIONetHeader, VirtIONetControl and
// VirtIONetRecovery have the parts; this file starts and ends the device. Of several pairs a frame is sent through that of
// the processor which sends it, and the device steers what belongs to it into the same one (section 5.1.6.5.5); frames are
// received of all in turn.

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

    /// Adds those of a pair of queues.
    mutating func add(_ other: VirtIONetCounters) {
        badLengths &+= other.badLengths
        tooLarge &+= other.tooLarge
        badHeaders &+= other.badHeaders
        queueResets &+= other.queueResets
        restarts &+= other.restarts
        fullRings &+= other.fullRings
        emptyPool &+= other.emptyPool
        kicks &+= other.kicks
    }
}

public struct VirtIONet<Transport: VirtIOTransport, Queue: Virtqueue & ~Copyable>: ~Copyable {
    public typealias Memory = Queue.Memory

    typealias Pair = VirtIONetPair<Transport, Queue>

    let transport: Transport
    let memory: Memory
    let pairs: Table<Pair>
    /// As many of them as the device was told to use, and said that it does.
    public internal(set) var pairsInUse = 1
    /// The device has not refused to use more.
    var mayUseAll = true
    /// Packets that may wait in all of them.
    var receiveBuffers: Int
    /// The pair that is looked at next for received frames.
    var turn = 0
    /// The device may interrupt.
    var isArmed = true
    /// When it was last asked for the cause of an interrupt.
    var askedAt = UInt64.max
    /// The control queue's number, and the queue where there is one.
    let controlIndex: UInt16
    let control: Ref<VirtIONetControl<Queue>>?
    /// The control queue has something under way.
    var hasOrders = false

    public let hardwareAddress: EthernetAddress
    public internal(set) var isLinkUp: Bool
    public let mtu: Int
    public let capabilities: NetworkCapabilities
    /// What both sides agreed on, `VirtIONetFeature` and `VirtIOFeature`.
    public let features: UInt64
    var ownCounters = VirtIONetCounters()
    /// The device was given up: it is silent, and takes and gives nothing until it is brought back.
    public internal(set) var isBroken = false
    var recovery = VirtIONetRecovery()
    /// When it was last looked at whether the device works.
    var checkedAt: UInt64 = 0
    /// When devices that gave nothing back were last notified.
    private var rousedAt: UInt64 = 0
    static var checkInterval: UInt64 { 1_000_000_000 }

    /// Brings the device up and fills its receive ring.
    /// - Parameters:
    ///   - pool: in memory that `memory` can reach; enough for `receiveBuffers` and what is on its way out.
    ///   - receiveBuffers: how many packets may wait in the device.
    ///   - features: those to be used where the device offers them, `VirtIONetFeature`.
    ///   - mostPairs: of queues that are used where the device has as many (VIRTIO_NET_F_MQ).
    ///   - random: makes a hardware address where the device has none.
    public init(
        _ transport: Transport, in memory: Memory, pool: PacketPool, receiveBuffers: Int = 128,
        wanted features: UInt64 = VirtIONetFeature.all, mostPairs: Int = 1, random: UInt64
    ) throws(VirtIOError) {
        var pairsFound: Int? = 1
        let features = try transport.negotiate(
            VirtIODeviceType.network, wanted: Queue.wanted(features), required: Queue.features
        ) {
            let features = VirtIONetFeature.consistent($0, receiveCapacity: Int(transport.queueCapacity(0)))
            guard mostPairs > 1, features & VirtIONetFeature.multiqueue != 0 else {
                return features & ~VirtIONetFeature.multiqueue
            }
            pairsFound = VirtIONetConfiguration.pairs(of: transport)
            return pairsFound ?? 1 > 1 ? features : features & ~VirtIONetFeature.multiqueue
        }
        let controlIndex = UInt16(truncatingIfNeeded: 2 * (pairsFound ?? 1))
        var count = 1
        // Queues that the number promises, and that are there.
        while count < min(mostPairs, pairsFound ?? 1), transport.queueCapacity(UInt16(2 * count)) != 0,
            transport.queueCapacity(UInt16(2 * count + 1)) != 0
        {
            count += 1
        }
        let pairs = try Self.makePairs(count, transport, memory, pool, features)
        let hasControl =
            features
            & (VirtIONetFeature.controlReceive | VirtIONetFeature.controlGuestOffloads | VirtIONetFeature.multiqueue)
            != 0
        let control = hasControl ? try Self.makeControl(controlIndex, transport, memory, features) : nil
        let configuration = try VirtIONetConfiguration(of: transport, features)
        try transport.goLive()

        self.features = features
        // RFC 791: every link takes 68 bytes. A frame larger than a buffer comes only where the device spreads it over
        // several.
        let greatestMTU =
            features & VirtIONetFeature.mergedBuffers != 0
            ? Pair.greatestMTU : Packet.capacity - EthernetFrame.headerByteCount
        mtu = max(68, min(Int(configuration.mtu), greatestMTU))
        capabilities = VirtIONetFeature.capabilities(of: features)
        isLinkUp = configuration.isLinkUp
        hardwareAddress =
            features & VirtIONetFeature.mac != 0 ? EthernetAddress(bits: configuration.address) : .random(random)
        self.transport = transport
        self.memory = memory
        self.pairs = pairs
        self.control = control
        self.controlIndex = controlIndex
        self.receiveBuffers = receiveBuffers
        for i in 0..<count { pairs[i].mtu = mtu }
        if pairsFound == nil {
            recovery.message = "the device says an impossible number of queue pairs: one is used"
        }
        share()
        askForPairs()
    }

    deinit {
        transport.status = 0  // the device lets go of all buffers
        for i in 0..<pairs.count {
            pairs[i].freeAll()
            Self.end(pairs.ref(i))
        }
        if let control { Self.end(control) }
    }

    /// Ends a part of the driver, whose memory stays.
    private static func end<Part: ~Copyable>(_ part: Ref<Part>) {
        // The handle is the last one: the driver ends. Its address is that of an initialised value.
        _ = unsafe UnsafeMutablePointer<Part>(bitPattern: part.bits)?.move()
    }

    private static func makePairs(
        _ count: Int, _ transport: Transport, _ memory: Memory, _ pool: PacketPool, _ features: UInt64
    ) throws(VirtIOError) -> Table<Pair> {
        // Fresh memory of their size, initialised before its handle is made. Never given back.
        guard let place = unsafe memory.allocateOwn(byteCount: MemoryLayout<Pair>.stride * count) else {
            throw transport.refuse(.noMemory)
        }
        let first = unsafe place.bindMemory(to: Pair.self, capacity: count)
        for i in 0..<count {
            unsafe (first + i).initialize(
                to: try Pair(i, of: transport, in: memory, pool: pool, features: features))
        }
        return unsafe Table(unsafe: first, count: count)  // all are initialised
    }

    private static func makeControl(
        _ index: UInt16, _ transport: Transport, _ memory: Memory, _ features: UInt64
    ) throws(VirtIOError) -> Ref<VirtIONetControl<Queue>> {
        // Fresh memory of its size, initialised before its handle is made.
        guard let place = unsafe memory.allocateOwn(byteCount: MemoryLayout<VirtIONetControl<Queue>>.stride) else {
            throw transport.refuse(.noMemory)
        }
        let pointer = unsafe place.bindMemory(to: VirtIONetControl<Queue>.self, capacity: 1)
        unsafe pointer.initialize(
            to: try VirtIONetControl(
                index, of: transport, in: memory, features: features))
        return unsafe Ref(unsafe: pointer)  // never given back: the memory was allocated for ever
    }

    /// Gives each pair that is used, or is to be used, its part of the buffers.
    func share() {
        let part = receiveBuffers / (mayUseAll ? pairs.count : 1)
        for i in 0..<pairs.count {
            pairs[i].receive(intoAtMost: i < pairsInUse ? max(1, part) : 0)
            pairs[i].refill()
        }
    }

    /// Tells the device how many pairs to use: one, until it has answered.
    mutating func askForPairs() {
        guard pairs.count > 1, let control else { return }
        control.value.note(pairs: UInt16(truncatingIfNeeded: pairs.count))
        hasOrders = true
    }

    /// Asks the device for silence, and for the cause of its interrupt, if there was one.
    mutating func silence(_ now: UInt64) {
        isArmed = false
        askedAt = now
        for i in 0..<pairs.count { pairs[i].receiveQueue.maskInterrupts() }
        let wasUp = isLinkUp
        if transport.acknowledgeInterrupt().contains(.configuration) {
            if features & VirtIONetFeature.status != 0 {
                isLinkUp = VirtIONetConfiguration.isLinkUp(of: transport)
            }
            checkDevice(now)
        } else if now &- checkedAt >= Self.checkInterval {
            checkDevice(now)
        }
        let isBack = isLinkUp && !wasUp
        if isBack || now &- rousedAt >= Self.checkInterval { rouse(now, all: isBack) }
    }

    /// Notifies pairs that may be asleep: all of them, or those that gave nothing back. Of these once a second: that a
    /// device has frames under way says nothing.
    @inline(never)
    private mutating func rouse(_ now: UInt64, all: Bool) {
        rousedAt = now
        guard !isBroken, transport.isLive else { return }
        for i in 0..<pairsInUse where all || pairs[i].isUnanswered { pairs.ref(i).value.rouse() }
    }

    /// Used elements of a false id.
    public var badUsedIDs: Int {
        var sum = 0
        for i in 0..<pairs.count { sum += pairs[i].badUsedIDs }
        return sum
    }

    /// Of the device and all of its queues.
    public var counters: VirtIONetCounters {
        var sum = ownCounters
        for i in 0..<pairs.count { sum.add(pairs[i].counters) }
        return sum
    }
}
