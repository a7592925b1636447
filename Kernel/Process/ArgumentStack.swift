// The new program's arguments, at the top of its stack: strings, each 16-byte aligned, the first one highest, then the
// array of pointers to them.

import Machine
import Storage
import SystemInterface

struct ArgumentStack {
    /// Everything must fit above it.
    private let bottom: UInt
    private var top: UInt
    private let mostStrings: Int
    private(set) var count = 0

    /// - Parameters:
    ///   - top: where the stack ends, page-aligned, in memory that is not mapped yet, or cleared.
    ///   - bytes: for strings and pointers.
    init(top: UInt, bytes: UInt, mostStrings: Int) {
        bottom = top - bytes
        self.top = top
        self.mostStrings = mostStrings
    }

    /// Moves the top down.
    private mutating func reserve(_ bytes: UInt) throws(SystemError) {
        guard bytes <= top - bottom else { throw .argumentsTooLong }
        let new = (top - bytes) & ~15
        guard new >= bottom else { throw .argumentsTooLong }
        top = new
    }

    /// Pushes a string, whose NUL the cleared page has already.
    /// - Throws: argumentsTooLong; noMemory.
    mutating func push(_ string: RawSpan, to space: inout AddressSpace) throws(SystemError) {
        guard count < mostStrings else { throw .argumentsTooLong }
        try reserve(UInt(string.byteCount) + 1)
        try space.write(string, at: top)
        count += 1
    }

    /// Pushes a string of the running program's, through a page.
    /// - Throws: badAddress; argumentsTooLong; noMemory.
    mutating func push(_ string: UserAddress, through page: inout Page, to space: inout AddressSpace)
        throws(SystemError)
    {
        guard count < mostStrings else { throw .argumentsTooLong }
        if let length = try copyString(string, to: &page) {
            return try push(page.bytes.extracting(first: length), to: &space)
        }
        // Longer than a page: first its length, which says where it begins.
        var length = Int(pageSize)
        while true {
            guard UInt(length) < top - bottom else { throw .argumentsTooLong }
            if let rest = try copyString(string + length, to: &page) {
                length += rest
                break
            }
            length += Int(pageSize)
        }
        try reserve(UInt(length) + 1)
        var done = 0
        while done < length {
            let piece = min(Int(pageSize), length - done)
            guard page.copyIn(from: string + done, to: 0..<piece) == piece else { throw .badAddress }
            try space.write(page.bytes.extracting(first: piece), at: top + UInt(done))
            done += piece
        }
        count += 1
    }

    /// Copies a string and its NUL into a page; returns its length, nil if it is longer than the page.
    private func copyString(_ string: UserAddress, to page: inout Page) throws(SystemError) -> Int? {
        var bytes = page.mutableBytes
        do throws(SystemError) {
            return try string.copyString(to: &bytes)
        } catch {
            guard error == .nameTooLong else { throw error }
            return nil
        }
    }

    /// Pushes a string that may as well be left out.
    mutating func pushIfRoom(_ text: RawSpan, to space: inout AddressSpace) {
        guard top - bottom > UInt(text.byteCount) + 512 else { return }
        do throws(SystemError) { try push(text, to: &space) } catch {}
    }

    /// Pushes argv with its NULL; returns its address, which is also the stack pointer.
    mutating func pushPointers(to space: inout AddressSpace) throws(SystemError) -> UInt {
        var string = top
        try reserve(UInt(count + 1) * 8)
        // From the lowest string up, which is the last one.
        var index = count
        while index > 0 {
            index -= 1
            let pointer: [1 of UInt64] = [UInt64(string)]
            try space.write(unsafe pointer.span.bytes, at: top + UInt(index) * 8)  // a number has no padding
            // A string has no zero byte, and what follows it has no other up to the next multiple of 16.
            while space.byte(at: string + 15) != 0 { string += 16 }
            string += 16
        }
        _ = try space.page(at: top)
        return top
    }
}

extension AddressSpace {
    /// The page at a user address, mapped cleared if there is none: of a space that no thread runs in yet.
    fileprivate mutating func page(at address: UInt) throws(SystemError) -> PhysicalAddress {
        if let entry = table.entry(for: address), entry.value.isValid { return entry.value.address }
        return try mapCleared(pageFloor(address), PageTableEntry.write)
    }

    fileprivate mutating func write(_ bytes: RawSpan, at address: UInt) throws(SystemError) {
        var done = 0
        while done < bytes.byteCount {
            let place = address + UInt(done)
            let offset = Int(place % pageSize)
            let piece = min(bytes.byteCount - done, Int(pageSize) - offset)
            let page = try page(at: place)
            Pages.withBytes(of: page) { $0.copy(bytes.extracting(done..<done + piece), to: offset) }
            done += piece
        }
    }

    /// A byte of a page that is mapped.
    fileprivate func byte(at address: UInt) -> UInt8 {
        guard let entry = table.entry(for: address), entry.value.isValid else { return 0 }
        return Pages.withBytes(of: entry.value.address) { page in
            page.bytes.littleEndian(Int(address % pageSize), as: UInt8.self)
        }
    }
}
