// A memory that two machines share, as drivers reach it.

import Drivers

/// The region.
@safe
public final class SharedRegionModel {
    public let byteCount: Int
    let bytes: UnsafeMutableRawPointer
    /// Is called before each access, as another machine that writes at any moment.
    public var meanwhile: () -> Void = {}

    public init(byteCount: Int = 256 << 10) {
        self.byteCount = byteCount
        unsafe bytes = .allocate(byteCount: byteCount, alignment: 4096)
        unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    deinit { unsafe bytes.deallocate() }

    /// Writes past every driver, as a hostile machine does.
    public func poke(_ value: UInt64, _ offset: Int) {
        precondition(offset >= 0 && offset + 8 <= byteCount)
        unsafe bytes.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
    }

    public func peek(_ offset: Int) -> UInt64 { unsafe bytes.load(fromByteOffset: offset, as: UInt64.self) }
}

/// The region as a driver reaches it. An access outside of it ends the test.
public struct SharedRegionWindow: RegisterSpace {
    let model: SharedRegionModel
    var start = 0

    public init(model: SharedRegionModel) { self.model = model }

    private init(model: SharedRegionModel, start: Int) { (self.model, self.start) = (model, start) }

    public func window(at offset: Int) -> SharedRegionWindow { SharedRegionWindow(model: model, start: start + offset) }

    private func place(_ offset: Int, _ count: Int) -> UnsafeMutableRawPointer {
        model.meanwhile()
        let place = start + offset
        precondition(
            place >= 0 && place + count <= model.byteCount && place % count == 0, "an access outside of the region")
        return unsafe model.bytes + place
    }
    public func load8(_ offset: Int) -> UInt8 { unsafe place(offset, 1).load(as: UInt8.self) }
    public func load16(_ offset: Int) -> UInt16 { unsafe place(offset, 2).load(as: UInt16.self) }
    public func load32(_ offset: Int) -> UInt32 { unsafe place(offset, 4).load(as: UInt32.self) }
    public func load64(_ offset: Int) -> UInt64 { unsafe place(offset, 8).load(as: UInt64.self) }
    public func store8(_ value: UInt8, _ offset: Int) { unsafe place(offset, 1).storeBytes(of: value, as: UInt8.self) }
    public func store16(_ value: UInt16, _ offset: Int) {
        unsafe place(offset, 2).storeBytes(of: value, as: UInt16.self)
    }
    public func store32(_ value: UInt32, _ offset: Int) {
        unsafe place(offset, 4).storeBytes(of: value, as: UInt32.self)
    }
    public func store64(_ value: UInt64, _ offset: Int) {
        unsafe place(offset, 8).storeBytes(of: value, as: UInt64.self)
    }
}
