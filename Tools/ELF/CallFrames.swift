// Call frame information, as compilers write it for debuggers (DWARF 4, 6.4): at each instruction, how large the frame
// is and whether the return address lies in it. As much as the RISC-V back end writes; anything else is an error, not a
// guess.

import Foundation

/// What holds from `address` on, up to the next row's.
public struct CallFrameRow: Equatable {
    public let address: UInt64
    /// Bytes from the stack pointer up to the caller's (the canonical frame address); nil where nothing is known.
    public var size: Int?
    /// Where the return address lies, in bytes from the canonical frame address; nil while it is in its register.
    public var returnAddressOffset: Int?
}

extension ELFImage {
    /// The rows of `.debug_frame`, in address order. Behind a function whose end touches no other stands a row that
    /// knows nothing.
    public func callFrames() throws -> [CallFrameRow] {
        guard let section = contents(ofSection: ".debug_frame") else {
            throw ELFError(description: "there is no .debug_frame: built without -g?")
        }
        var reader = FrameReader(bytes: section)
        return try reader.allRows()
    }
}

extension ELFImage {
    /// The functions with a frame of more than `limit` bytes, the largest frame first.
    public func functions(withFramesAbove limit: Int) throws -> [(function: Symbol, size: Int)] {
        var sizes: [UInt64: (function: Symbol, size: Int)] = [:]
        for row in try callFrames() {
            guard let size = row.size, size > limit, let function = function(at: row.address) else { continue }
            sizes[function.address] = (function, max(size, sizes[function.address]?.size ?? 0))
        }
        return sizes.values.sorted { $0.size > $1.size }
    }
}

private struct FrameReader {
    private static let (stackPointer, returnAddress) = (2, 1)
    /// What Kernel/Machine/trap.S names as the place of the address to go on at.
    private static let interrupted = 64

    private struct Common {
        var codeUnit = 1
        var dataUnit = 1
        var start = CallFrameRow(address: 0)
        /// Where an interrupted program goes on is not in a register: a trap's way in, for debuggers.
        var isTrap = false
    }

    let bytes: [UInt8]
    private var at = 0
    private var commons: [Int: Common] = [:]

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func allRows() throws -> [CallFrameRow] {
        var functions: [(end: UInt64, rows: [CallFrameRow])] = []
        while at < bytes.count {
            let entry = at
            let length = Int(try number(4))
            let end = at + length
            guard length < 0xffff_fff0, end <= bytes.count else {
                throw ELFError(description: ".debug_frame is cut short, or of 64 bits")
            }
            let common = try number(4)
            if common == 0xffff_ffff {
                commons[entry] = try readCommon(end)
            } else {
                guard let common = commons[Int(common)] else {
                    throw ELFError(description: ".debug_frame names a CIE that is not there")
                }
                if common.isTrap {
                    at = end
                    continue
                }
                let (start, size) = (try number(8), try number(8))
                var row = common.start
                row = CallFrameRow(address: start, size: row.size, returnAddressOffset: row.returnAddressOffset)
                functions.append((start &+ size, try run(common, from: row, to: end)))
            }
            at = end
        }
        functions.sort { $0.rows[0].address < $1.rows[0].address }
        var result: [CallFrameRow] = []
        for (index, function) in functions.enumerated() {
            result += function.rows
            if index + 1 == functions.count || functions[index + 1].rows[0].address != function.end {
                result.append(CallFrameRow(address: function.end))
            }
        }
        return result
    }

    private mutating func readCommon(_ end: Int) throws -> Common {
        let version = try number(1)
        guard version == 1 || version == 3 || version == 4, try number(1) == 0 else {
            throw ELFError(description: ".debug_frame has a version or an augmentation that is not known")
        }
        if version == 4 { _ = try number(2) }  // sizes of addresses and segments
        var common = Common()
        common.codeUnit = try unsigned()
        common.dataUnit = try signed()
        let column = version == 1 ? Int(try number(1)) : try unsigned()
        common.isTrap = column == Self.interrupted
        guard column == Self.returnAddress || common.isTrap else {
            throw ELFError(description: ".debug_frame has return addresses elsewhere than in ra")
        }
        if common.isTrap { return common }
        common.start = try run(common, from: CallFrameRow(address: 0), to: end).last!
        return common
    }

    /// The instructions up to `end` (DWARF 4, 6.4.2).
    private mutating func run(_ common: Common, from first: CallFrameRow, to end: Int) throws -> [CallFrameRow] {
        var rows = [first]
        var row = first
        var remembered: [CallFrameRow] = []
        func advance(_ units: UInt64) {
            let address = row.address &+ units &* UInt64(common.codeUnit)
            row = CallFrameRow(address: address, size: row.size, returnAddressOffset: row.returnAddressOffset)
        }
        func save(_ register: Int, _ offset: Int?) {
            if register == Self.returnAddress { row.returnAddressOffset = offset }
        }
        while at < end {
            let code = Int(try number(1))
            switch (code >> 6, code & 63) {
            case (1, let units): advance(UInt64(units))
            case (2, let register): save(register, try unsigned() * common.dataUnit)
            case (3, let register): save(register, nil)
            case (0, 0x00): break
            case (0, 0x02): advance(try number(1))
            case (0, 0x03): advance(try number(2))
            case (0, 0x04): advance(try number(4))
            case (0, 0x07): save(try unsigned(), nil)
            case (0, 0x0a): remembered.append(row)
            case (0, 0x0b):
                guard let old = remembered.popLast() else {
                    throw ELFError(description: ".debug_frame restores what it did not remember")
                }
                row = CallFrameRow(address: row.address, size: old.size, returnAddressOffset: old.returnAddressOffset)
            case (0, 0x0c):
                let isKnown = try unsigned() == Self.stackPointer
                let size = try unsigned()
                row.size = isKnown ? size : nil
            case (0, 0x0e): row.size = row.size == nil ? nil : try unsigned()
            default: throw ELFError(description: ".debug_frame has instruction \(code), which is not known")
            }
            if rows[rows.count - 1].address == row.address { rows[rows.count - 1] = row } else { rows.append(row) }
        }
        return rows
    }

    private mutating func number(_ count: Int) throws -> UInt64 {
        guard at + count <= bytes.count else { throw ELFError(description: ".debug_frame is cut short") }
        defer { at += count }
        return (0..<count).reduce(0) { $0 | UInt64(bytes[at + $1]) << (8 * $1) }
    }

    /// LEB128 (DWARF 4, 7.6).
    private mutating func unsigned() throws -> Int {
        var (value, shift) = (0, 0)
        while true {
            let byte = Int(try number(1))
            if shift < 56 { value |= (byte & 0x7f) << shift }
            shift += 7
            if byte < 0x80 { return value }
        }
    }

    private mutating func signed() throws -> Int {
        let start = at
        let value = try unsigned()
        return bytes[at - 1] & 0x40 == 0 ? value : value - 1 << (7 * (at - start))
    }
}
