//! What the registers of nftables hold while a rule is compiled: every byte is known, or a part of a packet's property.

mod comparison;
mod part;

use crate::reach::program::{Field, Test};

/// The 64 bytes of NFT_REG32_00 to NFT_REG32_15; NFT_REG_1 to NFT_REG_4 are the same space in pieces of 16.
#[derive(Clone)]
pub(crate) struct Registers {
    cells: Vec<Cell>,
    properties: Vec<Property>,
}

/// One byte of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Empty,
    Known(u8),
    /// `(byte & mask) ^ xor` of a property; byte 0 is the most significant.
    Part {
        property: usize,
        byte: usize,
        mask: u8,
        xor: u8,
    },
}

/// Where bytes of a register come from.
#[derive(Debug, Clone)]
pub(crate) enum Property {
    /// A number of so many bytes.
    Number(Field, usize),
    /// One of several values, each with the test that tells when; most significant byte first, all of one length.
    Choice(Vec<(Vec<u8>, Test)>),
    /// It cannot be compared, and gives this test instead.
    Open(Test),
}

impl Property {
    /// 1 when a test holds and 0 when not.
    pub(crate) fn truth(test: Test) -> Self {
        Self::Choice(vec![(vec![1], test.clone()), (vec![0], Test::Not(Box::new(test)))])
    }
}

/// The first byte of a register, by the number that the kernel sends (NFT_REG_*).
pub(crate) fn start(register: u32) -> Option<usize> {
    match register {
        1..=4 => Some((register as usize - 1) * 16),
        8..=23 => Some((register as usize - 8) * 4),
        _ => None,
    }
}

/// In which order a property's bytes are laid down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Most significant first.
    Network,
    /// As the processor keeps numbers: least significant first.
    Host,
}

impl Registers {
    pub(crate) fn new() -> Self {
        Self { cells: vec![Cell::Empty; 64], properties: Vec::new() }
    }

    /// Puts known bytes into a register, and zeros up to the next word as the kernel does.
    pub(crate) fn set(&mut self, register: u32, bytes: &[u8]) {
        let Some(at) = start(register) else { return };
        let padded = bytes.len().next_multiple_of(4);
        for (offset, cell) in self.cells.iter_mut().skip(at).take(padded).enumerate() {
            *cell = Cell::Known(bytes.get(offset).copied().unwrap_or(0));
        }
    }

    /// Loads a property of `width` bytes, the bytes `from..from + length` of it in their order.
    pub(crate) fn load(
        &mut self,
        register: u32,
        property: Property,
        width: usize,
        from: usize,
        length: usize,
        order: Order,
    ) {
        let index = self.properties.len();
        self.properties.push(property);
        let Some(at) = start(register) else { return };
        self.pad(at, length);
        for (offset, cell) in self.cells.iter_mut().skip(at).take(length).enumerate() {
            let byte = match order {
                Order::Network => from + offset,
                Order::Host => width.saturating_sub(1 + from + offset),
            };
            *cell = Cell::Part { property: index, byte, mask: 0xff, xor: 0 };
        }
    }

    /// Puts a part of a property at a byte of a register, beside others.
    pub(crate) fn place(&mut self, at: usize, property: usize, byte: usize) {
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = Cell::Part { property, byte, mask: 0xff, xor: 0 };
        }
    }

    /// Puts a known byte at a byte of a register.
    pub(crate) fn put(&mut self, at: usize, value: u8) {
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = Cell::Known(value);
        }
    }

    pub(crate) fn property(&mut self, property: Property) -> usize {
        self.properties.push(property);
        self.properties.len() - 1
    }

    pub(crate) fn pad(&mut self, at: usize, length: usize) {
        let padding = length.next_multiple_of(4) - length;
        for cell in self.cells.iter_mut().skip(at + length).take(padding) {
            *cell = Cell::Known(0);
        }
    }

    /// `(source & mask) ^ xor` of each byte.
    pub(crate) fn bitwise(&mut self, source: u32, register: u32, masks: &[u8], xors: &[u8]) {
        let (Some(from), Some(to)) = (start(source), start(register)) else { return };
        let moved: Vec<Cell> = masks
            .iter()
            .zip(xors)
            .enumerate()
            .map(|(offset, (and, flip))| match self.cells.get(from + offset) {
                Some(Cell::Known(value)) => Cell::Known((value & and) ^ flip),
                Some(Cell::Part { property, byte, mask, xor }) => {
                    Cell::Part { property: *property, byte: *byte, mask: mask & and, xor: (xor & and) ^ flip }
                }
                _ => Cell::Empty,
            })
            .collect();
        self.write(to, &moved);
    }

    /// Turns the bytes of each number around; one way and back are the same.
    pub(crate) fn reverse(&mut self, source: u32, register: u32, length: usize, size: usize) {
        let (Some(from), Some(to)) = (start(source), start(register)) else { return };
        let cells: Vec<Cell> = self.cells.iter().skip(from).take(length).copied().collect();
        let turned: Vec<Cell> =
            cells.chunks(size.max(1)).flat_map(|chunk| chunk.iter().rev().copied()).collect();
        self.write(to, &turned);
    }

    fn write(&mut self, at: usize, cells: &[Cell]) {
        for (place, cell) in self.cells.iter_mut().skip(at).zip(cells) {
            *place = *cell;
        }
    }

    /// The bytes of a register, where all are known.
    pub(crate) fn known(&self, register: u32, length: usize) -> Option<Vec<u8>> {
        let at = start(register)?;
        let cells = self.cells.get(at..at + length)?;
        cells.iter().map(|cell| if let Cell::Known(value) = cell { Some(*value) } else { None }).collect()
    }

    /// What 32 bits of a register are made of, when they are a whole number masked and flipped: the property, the mask
    /// and the flipped bits, least significant byte first.
    pub(crate) fn masked(&self, register: u32) -> Option<(&Property, u32, u32)> {
        let at = start(register)?;
        let (mut found, mut masks, mut xors) = (None, [0; 4], [0; 4]);
        for (offset, cell) in self.cells.get(at..at + 4)?.iter().enumerate() {
            let Cell::Part { property, byte, mask, xor } = cell else { return None };
            if *byte != 3 - offset || found.is_some_and(|other| other != *property) {
                return None;
            }
            found = Some(*property);
            *masks.get_mut(offset)? = *mask;
            *xors.get_mut(offset)? = *xor;
        }
        let property = self.properties.get(found?)?;
        Some((property, u32::from_le_bytes(masks), u32::from_le_bytes(xors)))
    }

    /// A word for what a register holds, by which two keys can be told to be the same.
    pub(crate) fn describe(&self, register: u32, length: usize) -> Option<String> {
        let at = start(register)?;
        let cells = self.cells.get(at..at + length)?;
        let part = |cell: &Cell| match cell {
            Cell::Part { property, byte, mask, xor } => {
                format!("{:?} {byte} {mask} {xor}", self.properties.get(*property))
            }
            other => format!("{other:?}"),
        };
        Some(cells.iter().map(part).collect::<Vec<_>>().join(";"))
    }
}
