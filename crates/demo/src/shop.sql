-- A small shop, made up but not random: the same rows in every run.
CREATE TABLE customers (
    id           int PRIMARY KEY,
    name         text NOT NULL,
    email        text NOT NULL UNIQUE,
    city         text NOT NULL,
    credit_limit numeric(10, 2) NOT NULL
);
CREATE TABLE products (
    id    int PRIMARY KEY,
    name  text NOT NULL,
    price numeric(10, 2) NOT NULL
);
CREATE TABLE orders (
    id        int PRIMARY KEY,
    customer  int NOT NULL REFERENCES customers,
    product   int NOT NULL REFERENCES products,
    pieces    int NOT NULL,
    placed_on date NOT NULL
);

INSERT INTO customers
SELECT row_number() OVER (ORDER BY last_at, first_at),
       first || ' ' || last,
       lower(first || '.' || last) || '@mail.example',
       (ARRAY['Zürich', 'İzmir', 'Porto', 'Gent', 'Graz', 'Lyon', 'Tartu', 'Malmö'])[1 + (first_at * 3 + last_at * 5) % 8],
       (5 + (first_at * 7 + last_at * 11) % 40) * 100
FROM unnest(ARRAY['Anna', 'Emre', 'Wei', 'Luísa', 'Jonas', 'Fatma', 'Pieter', 'Chloé', 'Ivan', 'Maja'])
         WITH ORDINALITY AS firsts (first, first_at),
     unnest(ARRAY['Lindt', 'Kaya', 'Chen', 'Moreira', 'Berg', 'Demir', 'Janssens', 'Girard', 'Tamm', 'Nowak'])
         WITH ORDINALITY AS lasts (last, last_at);

INSERT INTO products VALUES
    (1, 'Espresso machine', 389.00), (2, 'Coffee grinder', 149.50), (3, 'Milk jug, steel', 24.90),
    (4, 'Arabica beans, 1 kg', 21.00), (5, 'Filter paper, 100 pieces', 4.20), (6, 'Kettle, gooseneck', 79.00),
    (7, 'Kitchen scale', 32.00), (8, 'Cup, double wall', 12.50), (9, 'Descaler', 9.80), (10, 'Tamper, 58 mm', 41.00);

INSERT INTO orders
SELECT n, 1 + n * 37 % 100, 1 + n * 13 % 10, 1 + n % 3, DATE '2026-01-05' + n % 310
FROM generate_series(1, 1200) n;
