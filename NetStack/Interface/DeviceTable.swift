// The cards of a stack, in memory of their own.

/// Up to a fixed number of devices, each at the index at which it was added.
@safe struct DeviceTable<Device: NetworkDevice & ~Copyable>: ~Copyable {
    private let devices: UnsafeMutablePointer<Device>
    private(set) var count = 0

    static var memoryNeeded: Int { TableMemory.byteCount(Device.self, StackLimit.cards) }

    init(_ memory: inout TableMemory) { unsafe devices = memory.raw(Device.self, StackLimit.cards) }

    /// nil when the table is full: the device ends.
    mutating func add(_ device: consuming Device) -> Int? {
        guard count < StackLimit.cards else { return nil }
        unsafe (devices + count).initialize(to: device)  // this place holds nothing: count says so
        count += 1
        return count - 1
    }

    /// The device at an index from 0 up to `count`; any other index traps.
    subscript(index: Int) -> Device {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(devices + checked(index)) }
        @inline(__always) unsafeMutableAddress { unsafe devices + checked(index) }
    }

    @inline(__always)
    private func checked(_ index: Int) -> Int {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "a card that is not there")
        return index
    }

    /// Ends all devices. The table is not used after that.
    func end() {
        for i in 0..<count { _ = unsafe (devices + i).move() }  // deinitialize(count:) crashes the Embedded compiler
    }
}
