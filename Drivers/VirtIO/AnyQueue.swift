// A virtqueue of either format, as device and driver agreed, so that one driver in the kernel serves both.

public struct AnyQueue<Memory: DMA>: Virtqueue, ~Copyable {
    // One of them is there.
    private var split: SplitQueue<Memory>?
    private var packed: PackedQueue<Memory>?

    public static var features: UInt64 { 0 }
    public static var choices: UInt64 { VirtIOFeature.ringPacked }

    public init<Transport: VirtIOTransport>(
        _ index: UInt16, of transport: Transport, in memory: Memory, options: VirtqueueOptions
    ) throws(VirtIOError) {
        if options.isPacked {
            packed = try PackedQueue(index, of: transport, in: memory, options: options)
            split = nil
        } else {
            split = try SplitQueue(index, of: transport, in: memory, options: options)
            packed = nil
        }
    }

    public mutating func restart<Transport: VirtIOTransport>(of transport: Transport) throws(VirtIOError) {
        if packed != nil { try packed!.restart(of: transport) } else { try split!.restart(of: transport) }
    }

    public var size: UInt16 { packed != nil ? packed!.read { $0.size } : split!.read { $0.size } }
    @inline(__always)
    public var freeCount: UInt16 { packed != nil ? packed!.read { $0.freeCount } : split!.read { $0.freeCount } }

    @inline(__always)
    public func placesNeeded(_ count: UInt16) -> UInt16 {
        packed != nil ? packed!.placesNeeded(count) : split!.placesNeeded(count)
    }
    @inline(__always)
    public mutating func startChain(count: UInt16) -> VirtqueueChain? {
        packed != nil ? packed!.startChain(count: count) : split!.startChain(count: count)
    }
    @inline(__always) @discardableResult
    public mutating func append(
        _ address: UInt64, byteCount: UInt32, _ direction: DMADirection, to chain: inout VirtqueueChain
    ) -> UInt16 {
        packed != nil
            ? packed!.append(address, byteCount: byteCount, direction, to: &chain)
            : split!.append(address, byteCount: byteCount, direction, to: &chain)
    }
    @inline(__always)
    public mutating func submit(_ chain: VirtqueueChain) {
        if packed != nil { packed!.submit(chain) } else { split!.submit(chain) }
    }
    public var number: UInt16 { packed != nil ? packed!.read { $0.number } : split!.read { $0.number } }
    @inline(__always)
    public mutating func needsKick() -> Bool { packed != nil ? packed!.needsKick() : split!.needsKick() }

    @inline(__always)
    public var hasUsed: Bool { packed != nil ? packed!.read { $0.hasUsed } : split!.read { $0.hasUsed } }
    @inline(__always)
    public mutating func popUsed() -> UsedChain? { packed != nil ? packed!.popUsed() : split!.popUsed() }
    public func descriptor(after number: UInt16) -> UInt16 {
        packed != nil ? packed!.descriptor(after: number) : split!.descriptor(after: number)
    }
    public var isAllBack: Bool { packed != nil ? packed!.read { $0.isAllBack } : split!.read { $0.isAllBack } }

    public var badUsedIDs: Int { packed != nil ? packed!.read { $0.badUsedIDs } : split!.read { $0.badUsedIDs } }
    public var badUsedLengths: Int {
        packed != nil ? packed!.read { $0.badUsedLengths } : split!.read { $0.badUsedLengths }
    }
    @inline(__always)
    public var isBroken: Bool { packed != nil ? packed!.read { $0.isBroken } : split!.read { $0.isBroken } }
    public mutating func breakOff() { if packed != nil { packed!.breakOff() } else { split!.breakOff() } }

    public mutating func lookForFalsePlaces() { if packed != nil { packed!.lookForFalsePlaces() } }

    public var interruptMask: VirtqueueInterruptMask<Memory> {
        packed != nil ? packed!.read { $0.interruptMask } : split!.read { $0.interruptMask }
    }
    @inline(__always)
    public func maskInterrupts() { if packed != nil { packed!.maskInterrupts() } else { split!.maskInterrupts() } }
    @inline(__always)
    public func unmaskInterrupts(after chains: UInt16) -> Bool {
        packed != nil ? packed!.unmaskInterrupts(after: chains) : split!.unmaskInterrupts(after: chains)
    }
    public var chainsOut: UInt16 { packed != nil ? packed!.read { $0.chainsOut } : split!.read { $0.chainsOut } }
}

extension Virtqueue where Self: ~Copyable {
    /// A property's value: of an optional that cannot be copied only methods may be called (Swift 6.3.1).
    @inline(__always)
    fileprivate func read<Value>(_ property: (borrowing Self) -> Value) -> Value { property(self) }
}
