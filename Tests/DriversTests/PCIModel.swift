// A PCI hierarchy as configuration space shows it: functions with base addresses, bridges that pass on what their bus
// numbers say, windows that decode. It answers only as its registers were programmed, so a driver that numbers or
// places things wrongly finds nothing.

@testable import Drivers

final class PCIFunctionModel {
    var bytes = [UInt8](repeating: 0, count: 256)
    /// Which bits of each base address can be written, lowest register first; 0: not there.
    var masks: [UInt32]
    let isBridge: Bool
    /// Of a bridge: what is behind it, by device << 3 | function.
    var children: [UInt8: PCIFunctionModel] = [:]
    /// Which bits of the command register can be written.
    var commandMask: UInt16 = 0xffff
    /// Registers behind base addresses, by index.
    var regions: [Int: any Registers] = [:]

    init(vendor: UInt16, device: UInt16, classCode: UInt32 = 0x020000, pin: UInt8 = 1, masks: [UInt32] = []) {
        self.masks = masks
        isBridge = false
        set16(0, vendor)
        set16(2, device)
        set(8, UInt32(classCode) << 8)
        bytes[0x3d] = pin
        for (i, mask) in masks.enumerated() { set(0x10 + 4 * i, mask & 15) }
    }

    init(bridge children: [UInt8: PCIFunctionModel]) {
        masks = []
        isBridge = true
        self.children = children
        set16(0, 0x1b36)
        set16(2, 0x0001)
        set(8, 0x060400 << 8)
        bytes[0x0e] = 1
    }

    func set16(_ offset: Int, _ value: UInt16) {
        for i in 0..<2 { bytes[offset + i] = UInt8(value >> UInt16(8 * i) & 255) }
    }
    func set(_ offset: Int, _ value: UInt32) {
        for i in 0..<4 { bytes[offset + i] = UInt8(value >> UInt32(8 * i) & 255) }
    }
    func get(_ offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) } }

    /// Writes bytes of the configuration space, as far as they can be written.
    func write(_ value: UInt32, _ offset: Int, _ count: Int) {
        for i in 0..<count {
            let place = offset + i
            let byte = UInt8(value >> UInt32(8 * i) & 255)
            if !isBridge, place >= 0x10, place < 0x28 {
                let index = (place - 0x10) / 4
                guard index < masks.count else { continue }
                let mask = UInt8(masks[index] >> UInt32(8 * (place & 3)) & 255)
                let fixed: UInt8 = place & 3 == 0 ? UInt8(masks[index] & 15) : 0
                let isUpperHalf = index > 0 && masks[index - 1] & 7 == 4
                bytes[place] =
                    isUpperHalf
                    ? byte & mask
                    : byte & mask & (place & 3 == 0 ? 0xf0 | (masks[index] & 1 != 0 ? 0x0c : 0) : 0xff) | fixed
            } else if place == 4 || place == 5 {
                bytes[place] = byte & UInt8(commandMask >> UInt16(8 * (place - 4)) & 255)
            } else if isBridge, place >= 0x10, place < 0x34 {
                bytes[place] = byte
            }
        }
    }

    func word(_ offset: Int) -> UInt16 { UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8 }
    /// What it decodes: base and size of each base address, if the command register lets it.
    var decoded: [(isIO: Bool, base: UInt64, size: UInt64)] {
        var list: [(Bool, UInt64, UInt64)] = []
        var i = 0
        while i < masks.count {
            let mask = masks[i], value = get(0x10 + 4 * i)
            let isIO = mask & 1 != 0
            if mask != 0 {
                let is64 = mask & 7 == 4
                let base = UInt64(value & (isIO ? ~3 : ~15)) | (is64 ? UInt64(get(0x14 + 4 * i)) << 32 : 0)
                let size = UInt64(~(mask & (isIO ? ~3 : ~15)) &+ 1)
                if base != 0, bytes[4] & (isIO ? 1 : 2) != 0 { list.append((isIO, base, size)) }
                if is64 { i += 1 }
            }
            i += 1
        }
        return list
    }
}

final class PCIModel {
    var root: [UInt8: PCIFunctionModel]
    /// Accesses outside configuration space.
    var strays = 0

    init(_ root: [UInt8: PCIFunctionModel]) { self.root = root }

    /// The function that a configuration access reaches, through bridges whose bus numbers cover the bus.
    func function(_ address: PCIAddress) -> PCIFunctionModel? {
        var functions = root, bus: UInt8 = 0
        while bus != address.bus {
            guard
                let bridge = functions.values.first(where: {
                    $0.isBridge && $0.bytes[0x19] != 0 && $0.bytes[0x19] <= address.bus && address.bus <= $0.bytes[0x1a]
                })
            else { return nil }
            bus = bridge.bytes[0x19]
            functions = bridge.children
        }
        return functions[UInt8(truncatingIfNeeded: address.rawValue)]
    }

    var space: PCISpace { PCISpace(model: self, base: 0) }
}

/// ECAM.
struct PCISpace: RegisterSpace {
    let model: PCIModel
    let base: Int

    private func at(_ offset: Int) -> (PCIFunctionModel, Int)? {
        let place = base + offset
        guard let function = model.function(PCIAddress(rawValue: UInt16(place >> 12))) else { return nil }
        guard place & 4095 < 256 else {
            model.strays += 1
            return nil
        }
        return (function, place & 4095)
    }
    func window(at offset: Int) -> PCISpace { PCISpace(model: model, base: base + offset) }
    func load8(_ offset: Int) -> UInt8 { at(offset).map { $0.bytes[$1] } ?? 0xff }
    func load16(_ offset: Int) -> UInt16 { UInt16(load8(offset)) | UInt16(load8(offset + 1)) << 8 }
    func load32(_ offset: Int) -> UInt32 { UInt32(load16(offset)) | UInt32(load16(offset + 2)) << 16 }
    func load64(_ offset: Int) -> UInt64 { fatalError("configuration space has no 64-bit registers") }
    func store8(_ value: UInt8, _ offset: Int) {
        if let (function, place) = at(offset) { function.write(UInt32(value), place, 1) }
    }
    func store16(_ value: UInt16, _ offset: Int) {
        if let (function, place) = at(offset) { function.write(UInt32(value), place, 2) }
    }
    func store32(_ value: UInt32, _ offset: Int) {
        if let (function, place) = at(offset) { function.write(value, place, 4) }
    }
    func store64(_ value: UInt64, _ offset: Int) { fatalError("configuration space has no 64-bit registers") }
}
