// Just enough of ELF64, little-endian (System V ABI, chapters 4 and 5): sections, symbols, relocations.

import Foundation

public struct ELFError: Error, CustomStringConvertible {
    public let description: String
}

/// A linked program, read only as far as it makes sense.
public struct ELFImage {
    public struct Symbol {
        public let name: String
        public let address: UInt64
        public let isFunction: Bool
        public let isDefined: Bool
    }

    private struct Section {
        let name: Int
        let type: UInt32
        let address: UInt64
        let offset: Int
        let size: Int
        let link: Int
        let flags: UInt64
    }

    private let data: Data
    private let sections: [Section]
    /// Which section holds the names of sections.
    private let nameSection: Int
    public let symbols: [Symbol]
    /// Functions in address order, one a place.
    public let functions: [Symbol]
    /// Symbol table entries by index, for relocations.
    private let addressesByIndex: [UInt64]

    public init(_ data: Data) throws {
        self.data = data
        guard data.count > 64, data.prefix(4) == Data([0x7f, 0x45, 0x4c, 0x46]), data[4] == 2, data[5] == 1 else {
            throw ELFError(description: "not a 64-bit little-endian ELF file")
        }
        func number<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, _ offset: Int) throws -> T {
            try data.number(type, offset)
        }
        func text(_ offset: Int) -> String {
            guard offset < data.count else { return "" }
            return String(decoding: data[offset...].prefix { $0 != 0 }, as: UTF8.self)
        }
        let table = Int(try number(UInt64.self, 40))
        let count = Int(try number(UInt16.self, 60))
        var sections: [Section] = []
        for index in 0..<count {
            let header = table + 64 * index
            sections.append(
                Section(
                    name: Int(try number(UInt32.self, header)), type: try number(UInt32.self, header + 4),
                    address: try number(UInt64.self, header + 16),
                    offset: Int(try number(UInt64.self, header + 24)), size: Int(try number(UInt64.self, header + 32)),
                    link: Int(try number(UInt32.self, header + 40)), flags: try number(UInt64.self, header + 8)))
        }
        self.sections = sections
        nameSection = Int(try number(UInt16.self, 62))
        guard let symbolTable = sections.first(where: { $0.type == 2 }), symbolTable.link < sections.count else {
            throw ELFError(description: "the ELF file has no symbol table")
        }
        let strings = sections[symbolTable.link].offset
        var symbols: [Symbol] = []
        var addresses: [UInt64] = []
        for index in 0..<(symbolTable.size / 24) {
            let entry = symbolTable.offset + 24 * index
            let name = text(strings + Int(try number(UInt32.self, entry)))
            let info = try number(UInt8.self, entry + 4)
            let section = try number(UInt16.self, entry + 6)
            let address = try number(UInt64.self, entry + 8)
            addresses.append(address)
            let inText = section != 0 && Int(section) < sections.count && sections[Int(section)].flags & 4 != 0
            // Assembly labels have no type; local ones (.L…, $x) are no functions.
            let isFunction =
                inText && (info & 15 == 2 || info & 15 == 0) && !name.isEmpty && !name.hasPrefix(".L")
                && !name.hasPrefix("$x") && !name.hasPrefix("$d")
            symbols.append(Symbol(name: name, address: address, isFunction: isFunction, isDefined: section != 0))
        }
        self.symbols = symbols
        addressesByIndex = addresses
        var last: UInt64?
        functions = symbols.filter(\.isFunction).sorted { $0.address < $1.address }.filter { symbol in
            defer { last = symbol.address }
            return symbol.address != last
        }
    }

    public func address(of name: String) -> UInt64? { symbols.first { $0.name == name }?.address }

    /// A section's bytes; nil when there is none of this name.
    public func contents(ofSection name: String) -> [UInt8]? {
        section(name).map { [UInt8](data[$0.offset..<$0.offset + $0.size]) }
    }

    /// Where in the file a section begins.
    public func fileOffset(ofSection name: String) -> Int? { section(name)?.offset }

    private func section(_ name: String) -> Section? {
        guard nameSection < sections.count else { return nil }
        let wanted = Data(name.utf8 + [0])
        let section = sections.first { section in
            let start = sections[nameSection].offset + section.name
            return start + wanted.count <= data.count && data[start..<start + wanted.count] == wanted
        }
        guard let section, section.offset + section.size <= data.count else { return nil }
        return section
    }

    /// Where in the file the byte at an address is.
    public func fileOffset(of address: UInt64) -> Int? {
        sections.first {
            $0.type == 1 && $0.flags & 2 != 0 && $0.address <= address && address < $0.address + UInt64($0.size)
        }
        .map { $0.offset + Int(address - $0.address) }
    }

    /// The function that an address lies in.
    public func function(at address: UInt64) -> Symbol? { functions.last { $0.address <= address } }

    /// The file up to the end of what is loaded, with no section headers: all that exec looks at.
    public func trimmed() throws -> Data {
        func number<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, _ offset: Int) throws -> T {
            try data.number(type, offset)
        }
        let table = Int(try number(UInt64.self, 32))
        let count = Int(try number(UInt16.self, 56))
        var end = table + 56 * count
        for index in 0..<count where try number(UInt32.self, table + 56 * index) == 1 {
            end = max(
                end, Int(try number(UInt64.self, table + 56 * index + 8) + number(UInt64.self, table + 56 * index + 32))
            )
        }
        guard end <= data.count else { throw ELFError(description: "the ELF file is cut short") }
        var result = Data(data.prefix(end))
        result.replaceSubrange(40..<48, with: Data(count: 8))  // e_shoff
        result.replaceSubrange(58..<64, with: Data(count: 6))  // e_shentsize, e_shnum, e_shstrndx
        return result
    }

    /// Addresses in the program whose relocations name a symbol at `target` (the linker keeps them: --emit-relocs).
    public func references(to target: UInt64) -> [UInt64] {
        var found: [UInt64] = []
        for section in sections where section.type == 4 {
            for index in 0..<(section.size / 24) {
                let entry = section.offset + 24 * index
                guard let offset = try? data.number(UInt64.self, entry),
                    let info = try? data.number(UInt64.self, entry + 8)
                else { break }
                let symbol = Int(info >> 32)
                if symbol < addressesByIndex.count, addressesByIndex[symbol] == target, offset != 0 {
                    found.append(offset)
                }
            }
        }
        return found
    }
}

extension Data {
    /// A little-endian number at a byte offset.
    /// - Throws: ELFError beyond the end.
    func number<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, _ offset: Int) throws -> T {
        guard offset >= 0, offset <= count - MemoryLayout<T>.size else {
            throw ELFError(description: "the ELF file is cut short")
        }
        // within the data
        return unsafe withUnsafeBytes { unsafe T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }
}
