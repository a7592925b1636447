// A virtqueue of either format, as device and driver agreed, so that one driver in the kernel serves both.

public struct AnyQueue<Memory: DMA>: Virtqueue, ~Copyable {
    private let isPacked: Bool
    // One of them is used. Optionals would cost a call each time that one is asked whether it is there (Swift 6.3.1).
    private var split: SplitQueue<Memory>
    private var packed: PackedQueue<Memory>

    public static var features: UInt64 { 0 }
    public static var choices: UInt64 { VirtIOFeature.ringPacked }

    public init<Transport: VirtIOTransport>(
        _ index: UInt16, of transport: Transport, in memory: Memory, options: VirtqueueOptions
    ) throws(VirtIOError) {
        isPacked = options.isPacked
        if options.isPacked {
            packed = try PackedQueue(index, of: transport, in: memory, options: options)
            split = SplitQueue(idle: packed.someMemory, packed.records)
        } else {
            split = try SplitQueue(index, of: transport, in: memory, options: options)
            packed = PackedQueue(idle: split.someMemory, split.records)
        }
    }

    public mutating func restart<Transport: VirtIOTransport>(of transport: Transport) throws(VirtIOError) {
        if isPacked { try packed.restart(of: transport) } else { try split.restart(of: transport) }
    }

    public var size: UInt16 { isPacked ? packed.size : split.size }
    @inline(__always)
    public var freeCount: UInt16 { isPacked ? packed.freeCount : split.freeCount }

    @inline(__always)
    public func placesNeeded(_ count: UInt16) -> UInt16 {
        isPacked ? packed.placesNeeded(count) : split.placesNeeded(count)
    }
    @inline(__always)
    public mutating func startChain(count: UInt16) -> VirtqueueChain? {
        isPacked ? packed.startChain(count: count) : split.startChain(count: count)
    }
    @inline(__always) @discardableResult
    public mutating func append(
        _ address: UInt64, byteCount: UInt32, _ direction: DMADirection, to chain: inout VirtqueueChain
    ) -> UInt16 {
        isPacked
            ? packed.append(address, byteCount: byteCount, direction, to: &chain)
            : split.append(address, byteCount: byteCount, direction, to: &chain)
    }
    @inline(__always)
    public mutating func submit(_ chain: VirtqueueChain) {
        if isPacked { packed.submit(chain) } else { split.submit(chain) }
    }
    public var number: UInt16 { isPacked ? packed.number : split.number }
    @inline(__always)
    public mutating func needsKick() -> Bool { isPacked ? packed.needsKick() : split.needsKick() }

    @inline(__always)
    public var hasUsed: Bool { isPacked ? packed.hasUsed : split.hasUsed }
    @inline(__always)
    public mutating func popUsed() -> UsedChain? { isPacked ? packed.popUsed() : split.popUsed() }
    @inline(__always)
    public var renewsChains: Bool { isPacked ? packed.renewsChains : split.renewsChains }
    @inline(__always)
    public mutating func takeUsed() -> UsedChain? { isPacked ? packed.takeUsed() : split.takeUsed() }
    @inline(__always)
    public mutating func free(_ used: UsedChain) { if isPacked { packed.free(used) } else { split.free(used) } }
    @inline(__always)
    public mutating func renew(
        _ used: UsedChain, _ address: UInt64, byteCount: UInt32, _ direction: DMADirection
    ) {
        if isPacked {
            packed.renew(used, address, byteCount: byteCount, direction)
        } else {
            split.renew(used, address, byteCount: byteCount, direction)
        }
    }
    @inline(__always)
    public mutating func repeatChain(
        _ used: UsedChain, _ buffer: @autoclosure () -> DMABuffer<Memory>, _ direction: DMADirection
    ) {
        if isPacked {
            packed.repeatChain(used, buffer(), direction)
        } else {
            split.repeatChain(used, buffer(), direction)
        }
    }
    @inline(__always)
    public mutating func publishRenewed() { if isPacked { packed.publishRenewed() } else { split.publishRenewed() } }
    public func descriptor(after number: UInt16) -> UInt16 {
        isPacked ? packed.descriptor(after: number) : split.descriptor(after: number)
    }
    public var isAllBack: Bool { isPacked ? packed.isAllBack : split.isAllBack }

    public var badUsedIDs: Int { isPacked ? packed.badUsedIDs : split.badUsedIDs }
    public var badUsedLengths: Int {
        isPacked ? packed.badUsedLengths : split.badUsedLengths
    }
    @inline(__always)
    public var isBroken: Bool { isPacked ? packed.isBroken : split.isBroken }
    public mutating func breakOff() { if isPacked { packed.breakOff() } else { split.breakOff() } }

    public mutating func lookForFalsePlaces() { if isPacked { packed.lookForFalsePlaces() } }

    public var interruptMask: VirtqueueInterruptMask<Memory> {
        isPacked ? packed.interruptMask : split.interruptMask
    }
    @inline(__always)
    public func maskInterrupts() { if isPacked { packed.maskInterrupts() } else { split.maskInterrupts() } }
    @inline(__always)
    public func unmaskInterrupts(after chains: UInt16) -> Bool {
        isPacked ? packed.unmaskInterrupts(after: chains) : split.unmaskInterrupts(after: chains)
    }
    public var chainsOut: UInt16 { isPacked ? packed.chainsOut : split.chainsOut }
}
