// The new program's stack page, filled from the top: strings, each 16-byte aligned, then the array of pointers to them.

import Storage
import SystemInterface

struct ArgumentStack {
    /// A page of the new address space, which keeps it.
    private let page: PhysicalAddress
    /// The page's user address; everything must fit above it.
    private let bottom: UInt
    private var top: UInt
    private var pointers = [32 of UInt64](repeating: 0)
    private(set) var count = 0

    init(page: PhysicalAddress, bottom: UInt) {
        self.page = page
        self.bottom = bottom
        top = bottom + pageSize
    }

    /// Moves the top down; returns its offset in the page.
    private mutating func reserve(_ bytes: UInt) throws(SystemError) -> Int {
        guard bytes <= top - bottom else { throw .argumentsTooLong }
        top = (top - bytes) & ~15
        guard top >= bottom else { throw .argumentsTooLong }
        return Int(top - bottom)
    }

    /// Pushes the first `length` bytes of `bytes`, and a NUL.
    /// - Throws: argumentsTooLong.
    mutating func push(string length: Int, from bytes: RawSpan) throws(SystemError) {
        guard count < Limit.argumentSlots - 1 else { throw .argumentsTooLong }
        let offset = try reserve(UInt(length) + 1)
        Pages.withBytes(of: page) { page in
            page.copy(bytes.extracting(first: length), to: offset)
            page.storeBytes(of: 0, toByteOffset: offset + length, as: UInt8.self)
        }
        pointers[count] = UInt64(top)
        count += 1
    }

    /// Pushes a string that may as well be left out.
    mutating func pushIfRoom(_ text: RawSpan) {
        guard top - bottom > UInt(text.byteCount) + 512 else { return }
        do throws(SystemError) { try push(string: text.byteCount, from: text) } catch {}
    }

    /// Pushes argv with its NULL; returns its address, which is also the stack pointer.
    mutating func pushPointers() throws(SystemError) -> UInt {
        let offset = try reserve(UInt(count + 1) * 8)
        let pointers = pointers
        let count = count
        Pages.withBytes(of: page) { page in
            for index in 0...count {
                page.storeBytes(
                    of: index < count ? pointers[index] : 0, toByteOffset: offset + index * 8, as: UInt64.self)
            }
        }
        return top
    }
}
